"""What every kind of document is turned into."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

import attrs

from jobframe_ingest.refusal import Refused

__all__ = ["Extracted"]

_LONGEST_TITLE = 200
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")  # would steer the terminal that shows a search
_BLANK_LINES = re.compile(r"\n{3,}")


@attrs.frozen
class Extracted:
    """
    The text of a document.

    Attributes:
        title: What the document calls itself, else its first line.
        sections: The text in order, split where the document itself is: at headings or pages.

    """

    title: str
    sections: tuple[str, ...]

    @classmethod
    def of(cls, title: str, sections: Iterable[str]) -> Self:
        """
        Tidy what a parser found.

        Raises:
            Refused: There is no text in it.

        """
        tidy = _with_what_follows(text for section in sections if (text := _tidy(section)))
        if not tidy:
            raise Refused("the document holds no text")
        return cls(" ".join(_tidy(title or tidy[0].partition("\n")[0]).split())[:_LONGEST_TITLE], tidy)


def _with_what_follows(sections: Iterable[str]) -> tuple[str, ...]:
    """Join a section of one line, most likely a heading above another heading, to the next one."""
    joined: list[str] = []
    for section in sections:
        if joined and "\n" not in joined[-1]:
            joined[-1] += "\n\n" + section
        else:
            joined.append(section)
    return tuple(joined)


def _tidy(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # a PDF may yield lone surrogates
    text = "\n".join(line.rstrip() for line in text.splitlines())
    return _BLANK_LINES.sub("\n\n", _CONTROLS.sub("", text)).strip()
