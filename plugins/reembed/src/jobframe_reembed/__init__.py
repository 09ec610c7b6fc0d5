"""Keeps the vectors of a corpus up to date with its texts and the model, and searches it by meaning and by word."""
