"""Which documents can be read, told by their names. Published, as the corpus is: who lists a source asks here."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath

__all__ = ["Kind", "is_readable", "named_kind"]


class Kind(StrEnum):
    """The kinds of document whose text can be read; each value names the module that reads it."""

    HTML = "html"
    PDF = "pdf"
    MARKDOWN = "markdown"
    PLAIN = "plain"


_BY_SUFFIX = {
    ".html": Kind.HTML, ".htm": Kind.HTML, ".xhtml": Kind.HTML, ".pdf": Kind.PDF,
    ".md": Kind.MARKDOWN, ".markdown": Kind.MARKDOWN, ".txt": Kind.PLAIN, ".text": Kind.PLAIN,
}  # fmt: skip


def named_kind(uri: str) -> Kind | None:
    """Return the kind that the suffix of *uri* stands for; None when it stands for none of them."""
    return _BY_SUFFIX.get(PurePosixPath(uri).suffix.lower())


def is_readable(uri: str) -> bool:
    """Whether *uri* is named like a document that can be ingested."""
    return named_kind(uri) is not None
