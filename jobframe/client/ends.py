"""Waits for jobs to end: one subscription a client, and a look at the store now and then in case a message was lost."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict

from jobframe.core import clock, ids
from jobframe.core.errors import StoreUnavailable, Timeout
from jobframe.store.keys import field
from jobframe.store.listen import Listener
from jobframe.store.results import Ended, await_result
from jobframe.store.store import Store

__all__ = ["Ends"]

_LOOK_EVERY_S = 5.0
_LOOK_WHEN_AWAY_S = 0.5


class Ends:
    """Tells those who wait for a job that it has ended."""

    def __init__(self, store: Store) -> None:
        """Wait on *store*; nothing is subscribed until somebody waits."""
        self._store = store
        self._client = ids.new_client()
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener = Listener(store, store.keys.ended_channel(self._client), self._wake)

    async def wait(self, job_id: str, timeout_s: float | None) -> Ended:
        """
        Wait until *job_id* has ended.

        Raises:
            Timeout: It did not within *timeout_s* seconds.
            JobNotFound: No such job.
            StoreUnavailable: The server cannot be reached and the time is up, or there is no limit.

        """
        name = field(*ids.split(job_id))
        message = asyncio.Event()  # one for each who waits: another one must not clear it
        self._waiting[name].add(message)
        try:
            return await self._look_until_ended(job_id, timeout_s, message)
        finally:
            self._waiting[name].remove(message)
            if not self._waiting[name]:
                del self._waiting[name]

    async def _look_until_ended(self, job_id: str, timeout_s: float | None, message: asyncio.Event) -> Ended:
        limit_s = math.inf if timeout_s is None else timeout_s
        started = clock.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listener.ready(), min(limit_s, _LOOK_EVERY_S))
        while True:
            message.clear()
            pause_s = _LOOK_EVERY_S
            try:
                ended = await await_result(self._store, job_id, self._client)
            except StoreUnavailable:
                if timeout_s is None or clock.monotonic() - started >= limit_s:
                    raise
                ended, pause_s = None, _LOOK_WHEN_AWAY_S
            if ended is not None:
                return ended
            left_s = limit_s - (clock.monotonic() - started)
            if left_s <= 0:
                raise Timeout(job_id, limit_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(message.wait(), min(left_s, pause_s))

    async def aclose(self) -> None:
        """End the subscription."""
        with contextlib.suppress(StoreUnavailable):
            await self._listener.aclose()

    def _wake(self, message: str) -> None:
        for waiting in self._waiting.get(message, ()):
            waiting.set()
