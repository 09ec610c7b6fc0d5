"""The text of HTML pages: what a reader of the page reads, split at headings."""

from __future__ import annotations

import re
from collections import Counter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from jobframe_ingest.extract.encoding import decode
from jobframe_ingest.extract.extracted import Extracted
from jobframe_ingest.refusal import Refused

__all__ = ["read"]

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_HEAD = 4096  # bytes in which a page declares its encoding
_UNREAD = "script, style, noscript, template, svg, iframe, nav, form"
_HEADINGS = "h1, h2, h3"
_BLOCKS = (
    "h1, h2, h3, h4, h5, h6, p, div, section, article, header, footer, aside, figure, figcaption, blockquote, pre, "
    "ul, ol, dl, table, hr"
)
_LINES = "li, dt, dd, tr, br"
_CELLS = "td, th"
_DEEPEST = 512  # the browsers' own limit; the parser's time grows with the square of the depth
_TAG = re.compile(r"<(/?)([a-z][^\s/<>]*+)([^<>]*+)>", re.IGNORECASE)  # possessive: no text makes it backtrack
_UNCLOSED = (
    "area base body br col colgroup dd dt embed head hr html img input li link meta optgroup option p param path rect "
    "rp rt source tbody td tfoot th thead tr track wbr"
)
_NEVER_CLOSED = {
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html", "img", "input", "li",
    "link", "meta", "optgroup", "option", "p", "param", "rp", "rt", "source", "tbody", "td", "tfoot", "th", "thead",
    "tr", "track", "wbr",
}  # fmt: skip
_SECTION, _BREAK = "\x1d", "\x1e"  # the group and record separators of ASCII: no page has them


def read(data: bytes) -> Extracted:
    """
    Read an HTML page.

    Raises:
        Refused: It has no text, is nested too deeply, or is in no readable encoding.

    """
    declared = _DECLARED.search(data[:_HEAD])
    text = decode(data, declared[1].decode() if declared else None)
    _refuse_depth(text)
    tree = LexborHTMLParser(text)
    title = tree.css_first("head > title")
    page = tree.css_first("main") or tree.body
    if page is None:
        raise Refused("the document holds no text")
    for node in page.css(_UNREAD):
        node.remove()
    _mark(page, _BLOCKS, _BREAK, after=True)
    _mark(page, _LINES, _BREAK)
    _mark(page, _CELLS, " ")
    _mark(page, _HEADINGS, _SECTION)
    return Extracted.of(title.text() if title else "", map(_lines, page.text().split(_SECTION)))


def _refuse_depth(text: str) -> None:
    """Count what is open at each tag; by name, for a closing tag closes nothing but its like."""
    opened: Counter[str] = Counter()
    depth = 0
    for match in _TAG.finditer(text):
        closing, name, rest = match[1], match[2].lower(), match[3]
        if closing and opened[name]:
            opened[name] -= 1
            depth -= 1
        elif not (closing or rest.endswith("/") or name in _NEVER_CLOSED):
            opened[name] += 1
            depth += 1
        if depth > _DEEPEST:
            raise Refused(f"the page nests more than {_DEEPEST} elements")


def _mark(page: LexborNode, selector: str, mark: str, *, after: bool = False) -> None:
    for node in page.css(selector):
        node.insert_before(mark)
        if after:
            node.insert_after(mark)


def _lines(section: str) -> str:
    return "\n".join(" ".join(line.split()) for line in section.split(_BREAK) if not line.isspace())
