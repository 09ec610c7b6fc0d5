"""Error texts without payload values: what may be kept with a job, logged and shown to everybody."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import msgspec

__all__ = ["describe", "scrub"]

MASK = "[payload]"
_SHORTEST_TEXT = 3
_SHORTEST_NUMBER = 4
_LONGEST_MESSAGE = 500
_MOST_FRAMES = 10


def describe(error: BaseException, body: bytes) -> tuple[str, str, tuple[str, ...]]:
    """
    Describe *error* as class, scrubbed message and innermost frames.

    Args:
        error: What a handler raised.
        body: The payload's JSON, whose values are masked.

    """
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name, scrub(str(error), body), _frames(error)


def scrub(text: str, body: bytes) -> str:
    """Mask in *text* every string of at least 3 and number of at least 4 characters that stands in the JSON *body*."""
    if not text:
        return ""
    values = sorted(set(_values(body)), key=len, reverse=True)
    for value in values:
        text = text.replace(value, MASK)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _values(body: bytes) -> Iterator[str]:
    try:
        yield from _leaves(msgspec.json.decode(body))
    except (msgspec.MsgspecError, RecursionError):
        return


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            forms = (value, repr(value)[1:-1], value.strip())  # KeyError and others show the repr
            yield from (form for form in forms if len(form) >= _SHORTEST_TEXT)
        case dict():
            yield from _leaves([*value.values()])
        case list():
            for item in value:
                yield from _leaves(item)
        case _ if len(str(value)) >= _SHORTEST_NUMBER and not isinstance(value, bool | None):
            yield str(value)


def _frames(error: BaseException) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    return tuple(f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames)
