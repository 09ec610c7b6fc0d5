"""Ends attempts at their timeouts with one timer for all of them: a timer a job costs more than a short job itself."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection

from jobframe.core import clock
from jobframe.runtime.running import Attempt

__all__ = ["Deadlines"]


class Deadlines:
    """
    Watches the deadlines of what is running.

    The timer is set for the earliest deadline that was watched; when it fires, it ends what is due and is set for the
    earliest of what still runs. Attempts that ended meanwhile cost nothing.
    """

    def __init__(self, running: Collection[Attempt]) -> None:
        """Watch *running*, a live view of the attempts under way."""
        self._running = running
        self._next = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, attempt: Attempt) -> None:
        """Let the timeout of *attempt* count from now."""
        attempt.deadline = clock.monotonic() + attempt.policy.timeout_ms / 1000
        if attempt.deadline < self._next:
            self._set(attempt.deadline)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = asyncio.get_running_loop().call_later(when - clock.monotonic(), self._fire)

    def _fire(self) -> None:
        now = clock.monotonic()
        self._next, self._timer = math.inf, None
        for attempt in [each for each in self._running if each.deadline <= now]:
            attempt.end("timeout")
        upcoming = min((each.deadline for each in self._running if each.deadline > now), default=math.inf)
        if upcoming < math.inf:
            self._set(upcoming)
