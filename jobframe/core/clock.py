"""The one clock of the package, with two readings: wall time to show, monotonic time to measure."""

from __future__ import annotations

import datetime as dt
import time

__all__ = ["from_ms", "monotonic", "to_ms", "wall_ms"]


def wall_ms() -> int:
    """Milliseconds since the epoch on this machine's clock; for ids and display, never for due times or leases."""
    return time.time_ns() // 1_000_000


monotonic = time.monotonic
"""Seconds on a clock that never steps; only differences mean anything."""


def from_ms(ms: int) -> dt.datetime:
    """Turn *ms* since the epoch into an aware datetime in UTC."""
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


def to_ms(when: dt.datetime) -> int:
    """
    Turn an aware datetime into milliseconds since the epoch.

    Raises:
        ValueError: *when* has no time zone.

    """
    if when.tzinfo is None:
        msg = "the datetime needs a time zone, for example datetime.now(timezone.utc)"
        raise ValueError(msg)
    return round(when.timestamp() * 1000)
