"""What the process that carries the status server tells of itself: its lease, and whether its loop still turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs

from jobframe.core import clock

__all__ = ["LoopWatch", "Pulse"]


@attrs.frozen
class Pulse:
    """
    The worker of this process, as seen from another thread.

    Attributes:
        loop: The event loop that its handlers run in.
        lease_ms: Length of its lease.
        heartbeat_age_ms: Tells how long ago the lease was last renewed; None while the worker is in no fleet.

    """

    loop: asyncio.AbstractEventLoop
    lease_ms: int
    heartbeat_age_ms: Callable[[], int | None]


class LoopWatch:
    """Measures from outside how late an event loop runs what it is given; a blocked one cannot hide."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float] = clock.monotonic) -> None:
        """Watch *loop*; *monotonic* tells seconds."""
        self._loop = loop
        self._monotonic = monotonic
        self._asked: float | None = None
        self._last_s = 0.0

    def ask(self) -> None:
        """Hand the loop a question, unless one is still unanswered."""
        if self._asked is None and not self._loop.is_closed():
            self._asked = self._monotonic()
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        if self._asked is not None:
            self._last_s = self._monotonic() - self._asked
            self._asked = None

    def lag_ms(self) -> int:
        """Tell how late the last answer came, or how long one has been due when that is longer."""
        asked = self._asked
        waiting_s = self._monotonic() - asked if asked is not None else 0.0
        return round(1000 * max(self._last_s, waiting_s))
