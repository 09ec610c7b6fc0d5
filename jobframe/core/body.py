"""A payload's JSON: made of what a producer gives, within its limits; what does not fit is told without its values."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from jobframe.core.errors import PayloadError

__all__ = ["MAX_BYTES", "explained", "fields_of", "to_json"]

MAX_BYTES = 256 * 1024
"""A payload and a result may be this many bytes of JSON."""

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Reads a payload no deeper than its fields: name → JSON of the value."""

_PATH = re.compile(r" - at (`[^`]*`)$")
_QUOTED_VALUE = re.compile(r"\s*('[^']*'|\"[^\"]*\")")
_TOO_DEEP = "nested too deeply"


def to_json(type_name: str, payload: object) -> bytes:
    """
    Encode what a producer gave as the payload of *type_name*; None is no fields.

    Raises:
        PayloadError: JSON cannot carry it, or it is over 256 KiB.

    """
    payload = {} if payload is None else payload
    try:
        body = msgspec.json.encode(payload)
        if b"null" in body and _holds_nan(msgspec.to_builtins(payload)):  # the encoder made null of it
            raise PayloadError(type_name, "NaN and infinity are no numbers of JSON")
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(type_name, explained(error)) from None
    if len(body) > MAX_BYTES:
        problem = f"{len(body)} bytes are over the limit of {MAX_BYTES}: store it elsewhere and send a reference"
        raise PayloadError(type_name, problem)
    return body


def explained(error: Exception) -> str:
    """Say by field and type what did not fit; the words of a class's own code may hold the value."""
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if isinstance(error, UnicodeError):
        return "a text that is no valid Unicode"
    path = _PATH.search(str(error))
    if isinstance(error, msgspec.ValidationError) and error.__cause__ is not None:
        return f"refused by a validator ({type(error.__cause__).__name__})" + (f" - at {path[1]}" if path else "")
    if isinstance(error, msgspec.MsgspecError | TypeError):
        return _QUOTED_VALUE.sub("", str(error))  # backquoted type names stay
    return f"refused by its class ({type(error).__name__})"


def _holds_nan(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_holds_nan, value.values()))
    return isinstance(value, list | tuple | set) and any(map(_holds_nan, value))
