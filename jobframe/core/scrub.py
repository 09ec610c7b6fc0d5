"""Error texts without payload values, results without sealed ones: what may be kept with a job and shown."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import PurePath
from typing import Any

import msgspec

__all__ = ["describe", "mask", "masker", "scrub"]

MASK = "[payload]"
_SHORTEST_TEXT = 3
_SHORTEST_NUMBER = 4
_SHORTEST_SECRET_NUMBER = 3
_SHORTEST_PIECE = 16
_LONGEST_READ = 2_000
_LONGEST_MESSAGE = 500
_MOST_FRAMES = 10


def describe(error: BaseException, body: bytes, secret: bytes = b"") -> tuple[str, str, tuple[str, ...]]:
    """
    Describe *error* as class, scrubbed message and innermost frames.

    Args:
        error: What a handler raised.
        body: The payload's JSON, whose values are masked.
        secret: JSON list of the values of its sealed fields, which are masked more strictly.

    """
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a handler's own class may raise anything
        text = "(its text cannot be made)"
    return name, scrub(text, body, secret), _frames(error)


def scrub(text: str, body: bytes, secret: bytes = b"") -> str:
    """
    Mask in *text* what stands in the JSON *body*, and shorten it to 500 characters.

    Masked are strings of at least 3 and numbers of at least 4 characters, as they are or as Python and JSON write them,
    and any 16 characters in a row of one: libraries like to show a value's beginning and end. Of *secret*, the JSON
    list of what is sealed, numbers of 3 characters are masked too, and every name in a table.
    """
    if not text:
        return ""
    masked = _masked(_on_one_line(text[:_LONGEST_READ]), {*_values(body, secret=False), *_values(secret, secret=True)})
    return masked if len(masked) <= _LONGEST_MESSAGE else masked[: _LONGEST_MESSAGE - 1] + "…"


def masker(secret: bytes) -> Callable[[str], str]:
    """Return what masks in a text whatever stands in *secret*, the JSON list of what is sealed."""
    values = set(_values(secret, secret=True))
    return lambda text: _masked(text, values)


def mask(result: bytes, secret: bytes) -> bytes:
    """Mask in the JSON *result* what stands in *secret*, the JSON list of what is sealed: parts of texts, numbers."""
    values = set(_values(secret, secret=True))
    if not values or not result:
        return result

    def masked(value: Any) -> Any:
        match value:
            case str():
                return _masked(value, values)
            case dict():
                return {_masked(name, values): masked(item) for name, item in value.items()}
            case list():
                return [masked(item) for item in value]
            case int() | float() if not isinstance(value, bool) and str(value).removeprefix("-") in values:
                return MASK
        return value

    return msgspec.json.encode(masked(msgspec.json.decode(result)))


def _masked(text: str, values: set[str]) -> str:
    covered = bytearray(len(text))
    for start, end in (*_found(text, values), *_found(text, _pieces(text, values))):
        covered[start:end] = b"\1" * (end - start)
    parts = groupby(range(len(text)), covered.__getitem__)
    return "".join(MASK if hidden else "".join(map(text.__getitem__, at)) for hidden, at in parts)


def _found(text: str, values: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Find where in *text* each of *values* stands."""
    for value in values:
        start = text.find(value)
        while start >= 0:
            yield start, start + len(value)
            start = text.find(value, start + 1)


def _pieces(text: str, values: Iterable[str]) -> set[str]:
    """Return what *text* shares with *values* in pieces of 16 characters."""
    of_text, found = set(_windows(text)), set[str]()
    for value in values:
        if len(value) > len(text):  # one of a log line and a whole document goes through the shorter
            found.update(piece for piece in of_text if piece in value)
        else:
            found.update(piece for piece in _windows(value) if piece in of_text)
    return found


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + _SHORTEST_PIECE] for at in range(len(text) - _SHORTEST_PIECE + 1))


def _values(body: bytes, *, secret: bool) -> Iterator[str]:
    try:
        yield from _leaves(msgspec.json.decode(body), secret=secret)
    except (msgspec.MsgspecError, RecursionError):
        return


def _leaves(value: Any, *, secret: bool) -> Iterator[str]:
    match value:
        case str():
            yield from (form for form in _forms(value) if len(form) >= _SHORTEST_TEXT)
        case dict():
            for name, item in value.items():
                if secret or not name.isidentifier():  # else it is rather a field's name, which a message may need
                    yield from _leaves(name, secret=secret)
                yield from _leaves(item, secret=secret)
        case list():
            for item in value:
                yield from _leaves(item, secret=secret)
        case int() | float() if not isinstance(value, bool):
            digits = str(value).removeprefix("-")
            if len(digits) >= (_SHORTEST_SECRET_NUMBER if secret else _SHORTEST_NUMBER):
                yield digits


def _forms(text: str) -> set[str]:
    """Return *text* as it is, and as KeyError and others write it."""
    written = (repr(text), ascii(text), json.dumps(text), json.dumps(text, ensure_ascii=False))
    as_bytes = repr(text.encode(errors="replace"))[2:-1]
    return {text, *(_on_one_line(form) for form in (text, as_bytes, *(form[1:-1] for form in written)))}


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _frames(error: BaseException) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    return tuple(f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames)
