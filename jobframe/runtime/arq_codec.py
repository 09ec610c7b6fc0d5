"""
JSON for producers that use plain arq: pass both functions to arq's ``create_pool``.

Exceptions, which JSON cannot say, travel as ``{"__exc__": [type, message]}``. Only the two that jobframe itself answers
with come back as exceptions; nothing read here can name a class to be made, and nothing is ever unpickled.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import msgspec

from jobframe.core.errors import JobFailed

__all__ = ["arq_dumps", "arq_loads", "exception_as_json"]

_KEY = "__exc__"
_JOB_FAILED = re.compile(r"job (\S*) failed: (.*)", re.DOTALL)


def arq_dumps(value: Any) -> bytes:
    """
    Turn what arq stores of a job or a result into JSON; arq's ``job_serializer``.

    Args:
        value: Anything that JSON can say, dates, UUIDs, attrs objects and dataclasses in their usual forms, exceptions.

    Raises:
        TypeError: A part of it has no form in JSON.
        ValueError: A number in it is not finite.

    """
    return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def arq_loads(data: bytes) -> Any:
    """
    Read what `arq_dumps`, plain ``json`` or jobframe's workers wrote; arq's ``job_deserializer``.

    Raises:
        ValueError: It is not JSON; pickled bytes are not.

    """
    return json.loads(data, object_hook=_revived)


def exception_as_json(error: BaseException) -> dict[str, list[str]]:
    """Say an exception in the form that `arq_loads` reads: the name of its class and its text."""
    return {_KEY: [type(error).__name__, str(error)]}


def _plain(value: object) -> Any:
    if isinstance(value, BaseException):
        return exception_as_json(value)
    return msgspec.to_builtins(value, enc_hook=_plain_exception)


def _plain_exception(value: object) -> Any:
    if isinstance(value, BaseException):
        return exception_as_json(value)
    msg = f"{type(value).__name__} has no form in JSON"
    raise TypeError(msg)


def _revived(found: dict[str, Any]) -> Any:
    match found:
        case {"__exc__": [str(name), str(message)]} if len(found) == 1:
            return _known_exception(name, message) or found
        case _:
            return found


def _known_exception(name: str, message: str) -> BaseException | None:
    if name == "CancelledError":
        return asyncio.CancelledError(*[message] if message else [])
    if name == "JobFailed":
        said = _JOB_FAILED.fullmatch(message)
        return JobFailed(said[1], said[2]) if said else JobFailed("?", message)
    return None
