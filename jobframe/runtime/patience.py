"""How the runtime waits for a server that is away: capped full-jitter backoff, a line at its start and its end."""

from __future__ import annotations

import asyncio

import structlog

from jobframe.core import ids
from jobframe.core.backoff import Backoff, delay_ms
from jobframe.core.errors import JobframeError
from jobframe.store.reach import Reach

__all__ = ["Patience"]

_log = structlog.get_logger("jobframe.worker")
_BACKOFF = Backoff(base_ms=50, cap_ms=2_000)


class Patience:
    """Waits between the tries of one call; a new one for each call."""

    def __init__(self, what: str, reach: Reach) -> None:
        """Wait for *what*, a word for the log, and while the server is known to be away."""
        self._what = what
        self._reach = reach
        self._tries = 0

    async def wait(self, error: JobframeError) -> None:
        """Wait before the next try after *error*."""
        self._tries += 1
        if self._tries == 1:
            _log.warning("store unavailable, trying on", during=self._what, reason=str(error))
        self._reach.doubt()
        await asyncio.sleep(delay_ms(_BACKOFF, self._tries, ids.roll()) / 1000)
        await self._reach.wait()

    def done(self) -> None:
        """Say that it worked, if it had not before."""
        if self._tries:
            _log.info("store available again", during=self._what, tries=self._tries)
            self._tries = 0
