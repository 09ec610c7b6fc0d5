"""Waits for jobs to end: one subscription a client, and a look at the store now and then in case a message was lost."""

from __future__ import annotations

import asyncio
import contextlib

from jobframe.core import clock, ids
from jobframe.core.errors import StoreUnavailable, Timeout
from jobframe.store.keys import field
from jobframe.store.listen import Listener
from jobframe.store.results import Ended, await_result
from jobframe.store.store import Store

__all__ = ["Ends"]

_LOOK_EVERY_S = 5.0


class Ends:
    """Tells those who wait for a job that it has ended."""

    def __init__(self, store: Store) -> None:
        """Wait on *store*; nothing is subscribed until somebody waits."""
        self._store = store
        self._client = ids.new_client()
        self._waiting: dict[str, asyncio.Event] = {}
        self._listener = Listener(store, store.keys.ended_channel(self._client), self._wake)

    async def wait(self, job_id: str, timeout_s: float | None) -> Ended:
        """
        Wait until *job_id* has ended.

        Raises:
            Timeout: It did not within *timeout_s* seconds.
            JobNotFound: No such job.
            StoreUnavailable: The server cannot be reached and the time is up, or there is no limit.

        """
        started = clock.monotonic()
        name = field(*ids.split(job_id))
        event = self._waiting.setdefault(name, asyncio.Event())
        try:
            await self._listener.ready()
            while True:
                event.clear()
                ended = await await_result(self._store, job_id, self._client)
                if ended is not None:
                    return ended
                left_s = _LOOK_EVERY_S
                if timeout_s is not None:
                    left_s = min(left_s, timeout_s - (clock.monotonic() - started))
                    if left_s <= 0:
                        raise Timeout(job_id, timeout_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), left_s)
        finally:
            self._waiting.pop(name, None)

    async def aclose(self) -> None:
        """End the subscription."""
        with contextlib.suppress(StoreUnavailable):
            await self._listener.aclose()

    def _wake(self, message: str) -> None:
        event = self._waiting.get(message)
        if event is not None:
            event.set()
