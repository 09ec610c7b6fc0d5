"""Which files of a source are documents, told by their names alone: a listing shows no more."""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ["SUFFIXES", "is_supported"]

SUFFIXES = frozenset({".htm", ".html", ".markdown", ".md", ".pdf", ".text", ".txt", ".xhtml"})
"""The suffixes that jobframe-ingest reads; everything else in a source is passed over and counted."""


def is_supported(uri: str) -> bool:
    """Whether *uri* is named like a document that can be ingested."""
    return PurePosixPath(uri).suffix.lower() in SUFFIXES
