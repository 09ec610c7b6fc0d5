"""The options of an enqueue, read as strictly as a payload; every error names its option."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from jobframe.core import clock, ids
from jobframe.core.duration import to_delay_ms
from jobframe.core.job import NewJob
from jobframe.core.policy import KEYS
from jobframe.core.shown import shown

__all__ = ["given_unique", "read", "when"]

_LONGEST_KEY = 256
_MOST_HEADER_CHARACTERS = 4096


def given_unique(type: str, id: str) -> str:
    """
    Return the unique part of an id that the caller chose, with or without ``<type>:`` before it.

    Raises:
        ValueError: It is no text, or has impossible characters.

    """
    if not isinstance(id, str):
        msg = f"id: expected a text, got {shown(id)}"
        raise ValueError(msg)  # noqa: TRY004 - every impossible option is a ValueError
    return ids.check_unique(id.removeprefix(f"{type}:"))


def when(job: NewJob) -> str:
    """
    Return the due time of *job* as the scripts read it: empty is now, ``+<ms>`` from now, ``@<ms>`` at that time.

    Raises:
        ValueError: Both delay and at are given, or what is given is impossible.

    """
    if job.delay is None and job.at is None:
        return ""
    if job.delay is None:
        return f"@{read(job, 'at')}"
    if job.at is not None:
        msg = "give delay or at, not both"
        raise ValueError(msg)
    delay_ms = read(job, "delay")
    return f"+{delay_ms}" if delay_ms else ""


def read(job: NewJob, option: str) -> Any:
    """
    Return an *option* of *job* as it is stored, durations in milliseconds; None when it is not given.

    Raises:
        ValueError: It is impossible.

    """
    value = getattr(job, option)
    if value is None:
        return None
    try:
        return _READERS[option](value)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise ValueError(msg) from None


def _moment_ms(value: object) -> int:
    if not isinstance(value, dt.datetime):
        msg = f"expected an aware datetime, got {type(value).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - every impossible option is a ValueError
    return clock.to_ms(value)


def _longer_than_zero_ms(value: str | dt.timedelta) -> int:
    ms = to_delay_ms(value)
    if ms == 0:
        msg = "expected a duration longer than 0"
        raise ValueError(msg)
    return ms


def _key(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_KEY or not value.isprintable():
        msg = f"expected 1 to {_LONGEST_KEY} printable characters"
        raise ValueError(msg)
    return value


def _headers(value: object) -> dict[str, str]:
    parts = [part for item in value.items() for part in item] if isinstance(value, dict) else [None]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts) or sum(map(len, texts)) > _MOST_HEADER_CHARACTERS:
        msg = f"expected a dict of strings, at most {_MOST_HEADER_CHARACTERS} characters in all"
        raise ValueError(msg)
    return dict(zip(texts[::2], texts[1::2], strict=True))


_READERS: dict[str, Callable[[Any], Any]] = {
    "key": _key,
    "delay": to_delay_ms,
    "at": _moment_ms,
    "priority": KEYS["priority"][1],
    "expires": _longer_than_zero_ms,
    "timeout": _longer_than_zero_ms,
    "max_retries": KEYS["max_retries"][1],
    "headers": _headers,
}
