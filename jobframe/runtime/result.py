"""What a handler may return: plain values that are JSON, and not too much of it."""

from __future__ import annotations

from typing import Any

import msgspec

from jobframe.core.body import MAX_BYTES

__all__ = ["BadResult", "encode"]


class BadResult(Exception):
    """A handler's result cannot be kept; the text says why."""


def encode(result: Any) -> bytes:
    """
    Return *result* as JSON, empty for None.

    Raises:
        BadResult: It is not JSON, or is over 256 KiB.

    """
    if result is None:
        return b""
    try:
        encoded = msgspec.json.encode(result)
    except (TypeError, ValueError, RecursionError):
        raise BadResult(f"{type(result).__name__} is not JSON; return plain values") from None
    if len(encoded) > MAX_BYTES:
        raise BadResult(f"{len(encoded)} bytes are over the limit of {MAX_BYTES}; store it and return a reference")
    return encoded
