"""Durations: human at every edge (``"30s"``), whole milliseconds inside."""

from __future__ import annotations

import datetime as dt
import re

from jobframe.core.form import takes
from jobframe.core.shown import shown

__all__ = ["format_ms", "parse_ms", "span", "to_delay_ms"]

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"([0-9]{1,13}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_LONGEST_MS = 100 * 365 * 86_400_000


@takes(type="string", pattern=f"^{_FORM.pattern}$")
def parse_ms(text: object) -> int:
    """
    Read a duration such as ``"250ms"``, ``"1.5s"``, ``"5m"``, ``"2h"`` or ``"7d"`` as milliseconds.

    Raises:
        ValueError: It is no string of that form, or longer than a hundred years.

    """
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        msg = f'expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got {shown(text)}'
        raise ValueError(msg)
    ms = round(float(match[1]) * _UNITS[match[2]])
    if ms > _LONGEST_MS:
        msg = f"the duration {text} is longer than a hundred years"
        raise ValueError(msg)
    return ms


def format_ms(ms: int) -> str:
    """Write *ms* milliseconds in the largest unit that keeps them whole: ``90000`` → ``"90s"``."""
    for unit in ("d", "h", "m", "s"):
        if ms and ms % _UNITS[unit] == 0:
            return f"{ms // _UNITS[unit]}{unit}"
    return f"{ms}ms"


def span(ms: int | None) -> str:
    """Write a duration in its largest unit, cut off: ``480ms``, ``12s``, ``3m``, ``5h``, ``2d``; ``-`` for None."""
    if ms is None:
        return "-"
    return next((f"{ms // _UNITS[unit]}{unit}" for unit in ("d", "h", "m", "s") if ms >= _UNITS[unit]), f"{ms}ms")


def to_delay_ms(delay: str | dt.timedelta) -> int:
    """
    Read a delay given in Python: a duration string or a ``timedelta``; never a bare number.

    Raises:
        ValueError: It is neither, or negative.

    """
    ms = round(delay.total_seconds() * 1000) if isinstance(delay, dt.timedelta) else parse_ms(delay)
    if ms < 0:
        msg = "a delay cannot be negative"
        raise ValueError(msg)
    return ms
