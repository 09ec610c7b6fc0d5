"""What a handler may return: plain values that are JSON, and not too much of it; for a batch one for each job."""

from __future__ import annotations

from typing import Any

import msgspec

from jobframe.core.body import MAX_BYTES
from jobframe.core.scrub import mask

__all__ = ["BadBatch", "BadResult", "encode", "one_each"]


class BadResult(Exception):
    """A handler's result cannot be kept; the text says why."""


class BadBatch(Exception):
    """A batch handler did not return one result for each job; the text says what it did return."""


def encode(result: Any, secret: bytes = b"") -> bytes:
    """
    Return *result* as JSON, empty for None; what stands in the JSON list *secret* is masked.

    Raises:
        BadResult: It is not JSON, or is over 256 KiB.

    """
    if result is None:
        return b""
    try:
        encoded = msgspec.json.encode(result)
        if secret:
            encoded = mask(encoded, secret)
    except (TypeError, ValueError, RecursionError):
        raise BadResult(f"{type(result).__name__} is not JSON; return plain values") from None
    if len(encoded) > MAX_BYTES:
        raise BadResult(f"{len(encoded)} bytes are over the limit of {MAX_BYTES}; store it and return a reference")
    return encoded


def one_each(returned: Any, jobs: int) -> list[Any]:
    """
    Return what a batch handler returned for that many *jobs*: each job's result or exception, in their order.

    Raises:
        BadBatch: It is no list, or one of another length.

    """
    if not isinstance(returned, list | tuple):
        raise BadBatch(f"the handler of {jobs} jobs returned {type(returned).__name__}, not a list of {jobs} results")
    if len(returned) != jobs:
        raise BadBatch(f"the handler of {jobs} jobs returned {len(returned)} results: return one for each, in order")
    return list(returned)
