"""Keeps a corpus in step with a folder, a web index or an object store."""
