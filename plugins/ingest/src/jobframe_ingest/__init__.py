"""Fetches documents, turns them into chunks of text and keeps them in a corpus that can be searched."""
