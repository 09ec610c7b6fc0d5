"""The one maker of ids and rolls: time-ordered job ids, worker and client names, the dice of the backoff."""

from __future__ import annotations

import itertools
import os
import random
import re
import secrets
import socket

from jobframe.core import clock

__all__ = ["check_unique", "join", "new_client", "new_key", "new_unique", "new_worker", "roll", "split"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in ASCII order, so ids sort by time
_UNIQUE = re.compile(r"[A-Za-z0-9._:@=+-]{1,128}")

roll = random.random
"""A number in ``[0, 1)`` for jitter; never for secrets."""


_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]


def _base62(number: int, pairs: int) -> str:
    """Write *number* in that many pairs of digits: an id is made for every job, so it goes by pairs."""
    text = ""
    for _ in range(pairs):
        number, pair = divmod(number, 3844)
        text = _PAIRS[pair] + text
    return text


class _Sequence:
    """Counts ids within one process: a random prefix of 36 bits, then a counter that starts at random."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.prefix = _base62(secrets.randbelow(62**6), 3)
        self.counter = itertools.count(secrets.randbelow(62**5))
        self.now_ms = 0
        self.head = ""

    def new(self) -> str:
        """Make the next id; the head stays the same for a millisecond."""
        now_ms = clock.wall_ms()
        if now_ms != self.now_ms:
            self.now_ms, self.head = now_ms, _base62(now_ms, 4) + self.prefix
        return self.head + _base62(next(self.counter), 3)


_sequence = _Sequence()


def new_key() -> bytes:
    """Make a key of 32 bytes that nobody can guess."""
    return secrets.token_bytes(32)


def new_unique() -> str:
    """Make the unique part of a job id: 20 characters, in order of time, unlike any other process's."""
    global _sequence  # noqa: PLW0603 - a forked child must not go on with its parent's sequence
    if _sequence.pid != os.getpid():
        _sequence = _Sequence()
    return _sequence.new()


def new_worker() -> str:
    """Name this worker process: host, process number and 40 random bits, so that no name is ever used twice."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(5)}"


def new_client() -> str:
    """Name one client connection, so that a call sent again can be told from a new one."""
    return secrets.token_urlsafe(9)


def check_unique(unique: str) -> str:
    """
    Return *unique* when it can be the unique part of a job id.

    Raises:
        ValueError: It has other characters than ``A-Za-z0-9._:@=+-`` or is not 1 to 128 long.

    """
    if not _UNIQUE.fullmatch(unique):
        msg = f"job id {unique[:140]!r}: use 1 to 128 characters of A-Z a-z 0-9 . _ : @ = + -"
        raise ValueError(msg)
    return unique


def join(type: str, unique: str) -> str:
    """Build the job id ``<type>:<unique>``."""
    return f"{type}:{unique}"


def split(job_id: str) -> tuple[str, str]:
    """
    Split a job id at its first colon into type and unique part.

    Raises:
        ValueError: It has no colon or an impossible unique part.

    """
    type_name, colon, unique = job_id.partition(":")
    if not colon or not type_name:
        msg = f"job id {job_id[:200]!r} is not of the form <type>:<unique part>"
        raise ValueError(msg)
    return type_name, check_unique(unique)
