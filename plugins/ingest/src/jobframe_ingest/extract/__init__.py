"""From the bytes of a document to its text: HTML, PDF, Markdown and plain text."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import PurePosixPath

from jobframe_ingest.extract import html, markdown, pdf, plain
from jobframe_ingest.extract.extracted import Extracted
from jobframe_ingest.refusal import Refused

__all__ = ["Extracted", "Kind", "extract", "kind_of"]


class Kind(StrEnum):
    """The kinds of document whose text can be read."""

    HTML = "html"
    PDF = "pdf"
    MARKDOWN = "markdown"
    PLAIN = "plain"


_BY_SUFFIX = {
    ".html": Kind.HTML, ".htm": Kind.HTML, ".xhtml": Kind.HTML, ".pdf": Kind.PDF,
    ".md": Kind.MARKDOWN, ".markdown": Kind.MARKDOWN, ".txt": Kind.PLAIN, ".text": Kind.PLAIN,
}  # fmt: skip
_READERS: dict[Kind, Callable[[bytes], Extracted]] = {
    Kind.HTML: html.read, Kind.PDF: pdf.read, Kind.MARKDOWN: markdown.read, Kind.PLAIN: plain.read,
}  # fmt: skip
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
    return _READERS[kind_of(data, uri)](data)


def kind_of(data: bytes, uri: str) -> Kind:
    """Tell a document's kind: by its first bytes where they leave no doubt, else by the suffix, else plain text."""
    head = data[:_HEAD].lstrip()
    if head.startswith(b"%PDF-"):
        return Kind.PDF
    if kind := _BY_SUFFIX.get(PurePosixPath(uri).suffix.lower()):
        return kind
    return Kind.HTML if head[:15].lower().startswith((b"<!doctype html", b"<html")) else Kind.PLAIN
