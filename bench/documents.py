"""A generated corpus, the same on every machine: documents of Markdown, HTML and plain text from made-up sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

__all__ = ["write_documents"]

_SYLLABLES = "bacedifogulamenipo"  # two letters each
_SECTIONS = 20
_SENTENCES = 7
_WORDS = 9


def write_documents(folder: Path, documents: int) -> None:
    """Write that many files of some twenty chunks each into *folder*."""
    dice = _dice(documents)
    folder.mkdir()
    for number in range(documents):
        sections = [(_sentence(dice, 3), _paragraph(dice)) for _ in range(_SECTIONS)]
        kind = ("md", "html", "txt")[number % 3]
        (folder / f"document-{number:05}.{kind}").write_text(_FORMS[kind](sections))


def _dice(seed: int) -> Iterator[int]:
    """Yield numbers without visible order, always the same ones."""
    state = seed
    for _ in count():
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        yield state >> 33


def _sentence(dice: Iterator[int], words: int) -> str:
    return " ".join(_word(dice) for _ in range(words)).capitalize()


def _word(dice: Iterator[int]) -> str:
    places = (2 * (each % (len(_SYLLABLES) // 2)) for each in islice(dice, 2 + next(dice) % 2))
    return "".join(_SYLLABLES[place : place + 2] for place in places)


def _paragraph(dice: Iterator[int]) -> str:
    return " ".join(f"{_sentence(dice, _WORDS)}." for _ in range(_SENTENCES))


def _markdown(sections: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"## {heading}\n\n{text}" for heading, text in sections)


def _html(sections: list[tuple[str, str]]) -> str:
    body = "".join(f"<h2>{heading}</h2>\n<p>{text}</p>\n" for heading, text in sections)
    return f"<html><head><title>{sections[0][0]}</title></head><body>\n{body}</body></html>\n"


def _plain(sections: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"{heading}\n\n{text}" for heading, text in sections)


_FORMS = {"md": _markdown, "html": _html, "txt": _plain}
