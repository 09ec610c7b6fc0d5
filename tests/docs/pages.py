"""The documentation as the tests read it: pages, their code blocks, their code spans, their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*(?:`[^`\n]*`[^\]\n]*)*\]\(([^)\s]+)\)")


@attrs.frozen
class Block:
    """
    One fenced block.

    Attributes:
        page: Page it stands in, relative to the root.
        line: Line of its first line of code, from 1.
        language: Word behind the fence.
        code: What stands in it.

    """

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        """``page:line``: pytest shows it for each case."""
        return f"{self.page}:{self.line}"


def name(page: Path) -> str:
    """Name a page as a person would: relative to the root."""
    return str(page.relative_to(ROOT))


@cache
def text(page: Path) -> str:
    """Read a page."""
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[Block]:
    """Find every block of *language* in all pages."""
    return [
        Block(name(page), text(page).count("\n", 0, found.start(2)) + 1, found[1], found[2])
        for page in PAGES
        for found in _FENCE.finditer(text(page))
        if found[1] == language
    ]


def code(page: Path) -> Iterator[str]:
    """Find everything on *page* that is set as code: lines of blocks, and spans."""
    for block in _FENCE.finditer(text(page)):
        yield from block[2].splitlines()
    yield from (span[1] for span in _SPAN.finditer(prose(page)))


def prose(page: Path) -> str:
    """Return *page* without its blocks."""
    return without_blocks(text(page))


def without_blocks(part: str) -> str:
    """Return *part* of a page without its blocks."""
    return _FENCE.sub("", part)


def links(page: Path) -> list[str]:
    """Return the target of every link on *page*."""
    return [found[1] for found in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings on *page*, as GitHub makes them."""
    return {_slug(found[1]) for found in _HEADING.finditer(prose(page))}


def rows(page: Path) -> Iterator[list[str]]:
    """Return the cells of every table row on *page*."""
    for line in prose(page).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def server_rights() -> list[str]:
    """Return the rights of the user that ``docs/operating.md`` proposes for the server, as ACL SETUSER takes them."""
    found = re.search(r"^ACL SETUSER jobs (.+)$", text(ROOT / "docs" / "operating.md"), re.MULTILINE)
    assert found
    return found[1].split()
