"""Which words of a question say what it is about: the small words of English match everywhere and drown the others."""

from __future__ import annotations

import re

__all__ = ["telling_words"]

_WORD = re.compile(r"\w+(?:'\w+)?")
_SMALL_WORDS = (
    "a about after all also am an and any are as at be been before but by can could did do does doing don't for from "
    "had has have having he her here him his how i i'm if in into is it it's its just me more most my no not of on or "
    "our out over she should so some such than that the their them then there these they this those through to too "
    "under up us was we were what what's when where which while who whom whose why will with would you your"
)
_SMALL = frozenset(_SMALL_WORDS.split())


def telling_words(query: str) -> str:
    """Leave out the small words of *query*; a query of nothing else stays as it is, as does another language."""
    straight = query.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(word for word in _WORD.findall(straight) if word.lower() not in _SMALL) or query
