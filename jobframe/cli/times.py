"""Times: how long ago for people, ISO 8601 in UTC for programs."""

from __future__ import annotations

from jobframe.core import clock
from jobframe.core.duration import span

__all__ = ["ago", "iso"]


def iso(ms: int | None) -> str | None:
    """Write *ms* since the epoch as ``2026-01-31T09:05:00.123Z``."""
    return None if ms is None else clock.from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(ms: int | None, now_ms: int) -> str:
    """Write when *ms* was, seen from *now_ms*: ``3m ago``, ``in 2h``, ``now``; ``-`` for None."""
    if ms is None:
        return "-"
    distance = now_ms - ms
    if abs(distance) < 1_000:  # noqa: PLR2004 - a second
        return "now"
    return f"{span(distance)} ago" if distance > 0 else f"in {span(-distance)}"
