"""The text of Markdown: what it would show, split at headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from jobframe_ingest.extract.encoding import decode
from jobframe_ingest.extract.extracted import Extracted

__all__ = ["read"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*+\n(.*?)^(?:---|\.\.\.)[ \t]*+$\n?", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title:[ \t]*+(.+)", re.MULTILINE)
_SECTION_TAGS = ("h1", "h2", "h3")
_AS_WRITTEN = ("fence", "code_block")


def read(data: bytes) -> Extracted:
    """
    Read a Markdown document; a title in its front matter is its title.

    Raises:
        Refused: It has no text, or is in no readable encoding.

    """
    text = decode(data).replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    title = _TITLE.search(front[1]) if front else None
    tokens = MarkdownIt("commonmark").enable("table").parse(text[front.end() if front else 0 :])
    return Extracted.of(title[1].strip().strip("\"'") if title else "", _sections(tokens))


def _sections(tokens: list[Token]) -> Iterator[str]:
    """Yield each heading with what follows it."""
    lines: list[str] = []
    row = 0
    for token in tokens:
        if token.type == "heading_open" and token.tag in _SECTION_TAGS:
            yield "\n".join(lines)
            lines = []
        elif token.type == "tr_open":
            row = len(lines)
        elif token.type == "tr_close":
            lines[row:] = [" | ".join(lines[row:])]
        elif token.type == "inline":
            lines.append(_shown(token))
        elif token.type in _AS_WRITTEN:
            lines.append(token.content)
        elif token.type == "paragraph_close" and not token.hidden:
            lines.append("")
    yield "\n".join(lines)


def _shown(inline: Token) -> str:
    """Return a paragraph as it would be read; the text of an image is its description."""
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else "" if child.type == "html_inline" else child.content
        for child in inline.children or ()
    )
