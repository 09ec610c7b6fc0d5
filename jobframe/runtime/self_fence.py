"""
Stops exclusive handlers before another worker may start them: once the lease was not renewed for nearly its length.

A worker cannot tell a server that is gone from one that only it cannot reach, where others are about to take its jobs
over. A type with a ``concurrency`` limit must not run twice at once, so its handlers are given up in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["SelfFence"]

_MARGIN = 1 / 6  # of the lease: the time that a handler has for its last words
_AGAIN_S = 0.5


class SelfFence:
    """
    Watches the silence of the store; needs the loop, as does the handlers' cancellation.

    Attributes:
        up: Whether it has been silent for too long.

    """

    def __init__(self, lease_ms: int, silent_s: Callable[[], float], stop: Callable[[], None]) -> None:
        """
        Watch nothing yet.

        Args:
            lease_ms: Length of the lease.
            silent_s: How long ago the last answered renewal was sent.
            stop: Stops the exclusive handlers; called again and again while the store is silent.

        """
        self.up = False
        self._limit_s = lease_ms / 1000 * (1 - _MARGIN)
        self._silent_s = silent_s
        self._stop = stop
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Look now, and again when it may be time."""
        left_s = self._limit_s - self._silent_s()
        self.up = left_s <= 0
        if self.up:
            self._stop()
        self._watch_in(_AGAIN_S if self.up else left_s)

    def heard(self) -> None:
        """Give a renewal a moment: the store has just answered something else."""
        self._watch_in(_AGAIN_S)

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _watch_in(self, seconds: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.watch)
