"""From the bytes of a document to its text: HTML, PDF, Markdown and plain text."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from jobframe_ingest.extract.extracted import Extracted
from jobframe_ingest.kinds import Kind, named_kind
from jobframe_ingest.refusal import Refused

__all__ = ["Extracted", "extract", "kind_of"]

_HEAD = 1024  # bytes in which a document shows its kind


def extract(data: bytes, uri: str) -> Extracted:
    """
    Read the text of a document.

    Args:
        data: Its bytes.
        uri: Its place; only the suffix of the name counts.

    Raises:
        Refused: It is empty, broken, locked, in no readable encoding, or of none of the four kinds.

    """
    if not data.strip():
        raise Refused("the document is empty")
    return _reader(kind_of(data, uri))(data)


def kind_of(data: bytes, uri: str) -> Kind:
    """Tell a document's kind: by its first bytes where they leave no doubt, else by the suffix, else plain text."""
    head = data[:_HEAD].lstrip()
    if head.startswith(b"%PDF-"):
        return Kind.PDF
    if kind := named_kind(uri):
        return kind
    return Kind.HTML if head[:15].lower().startswith((b"<!doctype html", b"<html")) else Kind.PLAIN


def _reader(kind: Kind) -> Callable[[bytes], Extracted]:
    """Import a parser when the first document of its kind comes: together they take longer than a worker's start."""
    read: Callable[[bytes], Extracted] = import_module(f"{__name__}.{kind}").read
    return read
