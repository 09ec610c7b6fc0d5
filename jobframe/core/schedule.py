"""Schedules: when a job is enqueued by itself. Arithmetic only; the time comes in as a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import takewhile
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import attrs
import msgspec
from cronsim import CronSim, CronSimError

from jobframe.core import clock
from jobframe.core.duration import format_ms
from jobframe.core.policy import nearest_name
from jobframe.core.shown import shown

__all__ = ["ON_TIME_MS", "SHORTEST_MS", "Misfire", "Overlap", "Schedule", "check_cron", "check_tz"]

Overlap = Literal["skip", "queue-one", "allow"]
Misfire = Literal["skip", "once"]

SHORTEST_MS = 1_000
ON_TIME_MS = 10_000
"""A worker that was late by no more than this fires each of the slots that it was late for."""

_CRON_FIELDS = 5


@attrs.frozen(kw_only=True)
class Schedule:
    """
    One ``[schedules.<name>]``.

    Attributes:
        name: Its name.
        job: Job type to enqueue.
        every_ms: A slot at every multiple of this since 1970-01-01 00:00 UTC; None with *cron*.
        cron: Five fields: minute, hour, day of month, month, day of week; None with *every_ms*.
        tz: Time zone of *cron*.
        payload: Payload of its jobs.
        overlap: What a slot does while a job of the schedule is live: nothing (``skip``), one more job when none waits
            and at most one runs (``queue-one``), or one more in any case (``allow``).
        misfire: What becomes of slots that no worker watched: nothing (``skip``), or one job for the latest (``once``).

    """

    name: str
    job: str
    every_ms: int | None = None
    cron: str | None = None
    tz: str = "UTC"
    payload: Mapping[str, Any] = attrs.field(factory=dict, repr=False, converter=msgspec.to_builtins)
    overlap: Overlap = "skip"
    misfire: Misfire = "skip"

    @property
    def timing(self) -> str:
        """Write when it fires: ``every 15m``, ``0 2 * * * Europe/Berlin``."""
        return f"every {format_ms(self.every_ms)}" if self.every_ms is not None else f"{self.cron} {self.tz}"

    def next_slot(self, after_ms: int) -> int | None:
        """Return the first slot later than *after_ms*; None when there is none for fifty years."""
        if self.every_ms is not None:
            return after_ms - after_ms % self.every_ms + self.every_ms
        moments = CronSim(self.cron or "", clock.from_ms(after_ms).astimezone(_zone(self.tz)))
        # Begun in the second run of a doubled hour it goes through the first one again.
        return next((slot for slot in map(clock.to_ms, moments) if slot > after_ms), None)

    def slots(self, after_ms: int) -> Iterator[int]:
        """Yield every slot later than *after_ms*."""
        while (slot := self.next_slot(after_ms)) is not None:
            yield slot
            after_ms = slot

    def latest_slot(self, after_ms: int, until_ms: int) -> int | None:
        """Return the last slot later than *after_ms* and not later than *until_ms*, however many there are between."""
        low = self.next_slot(after_ms)
        if low is None or low > until_ms:
            return None
        high = until_ms
        while low < high:  # low is a slot, and there is none later than high
            middle = (low + high + 1) // 2
            slot = self.next_slot(middle - 1)
            if slot is not None and slot <= until_ms:
                low = slot
            else:
                high = middle - 1
        return low

    def due(self, now_ms: int, *, watched_ms: int | None, done_ms: int, since_ms: int | None = None) -> Iterator[int]:
        """
        Yield the slots that a worker shall fire now, the earliest first.

        Args:
            now_ms: The server's time.
            watched_ms: Until when this worker has fired all that was due; None when it has just begun to watch.
            done_ms: The slot that the fleet fired last, as far as this worker knows.
            since_ms: From when on slots have come while it watched, when the clock was set ahead over others.

        """
        since_ms = watched_ms if since_ms is None else since_ms
        begun_ms = now_ms if since_ms is None else max(min(since_ms, now_ms), now_ms - ON_TIME_MS)
        if self.misfire == "once" and begun_ms != watched_ms:
            missed = self.latest_slot(max(done_ms, watched_ms or 0), begun_ms)
            if missed is not None:
                yield missed
        yield from takewhile(lambda slot: slot <= now_ms, self.slots(begun_ms))


def check_cron(text: str) -> None:
    """
    Accept what a cron line says of time.

    Raises:
        ValueError: It does not have five fields, or one of them is wrong.

    """
    if len(text.split()) != _CRON_FIELDS:
        msg = f"expected five fields (minute, hour, day of month, month, day of week), got {shown(text)}"
        raise ValueError(msg)
    try:
        CronSim(text, dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    except CronSimError as error:
        msg = f"{str(error).replace('Bad', 'wrong')} in {shown(text)}"
        raise ValueError(msg) from None


def check_tz(name: str) -> None:
    """
    Accept the name of a time zone.

    Raises:
        ValueError: There is none of that name.

    """
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = nearest_name(name, list(available_timezones()))
        hint = f"did you mean {close!r}?" if close else 'use a name such as "Europe/Berlin"'
        msg = f"unknown time zone {shown(name)}: {hint}"
        raise ValueError(msg) from None


@cache
def _zone(name: str) -> dt.tzinfo:
    return dt.UTC if name == "UTC" else ZoneInfo(name)
