"""Tells producers with plain arq what becomes of their jobs while this worker runs them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from jobframe.core.errors import StoreUnavailable
from jobframe.core.outcome import Completed
from jobframe.runtime.arq_intake import HEADER
from jobframe.runtime.arq_job import arq_id
from jobframe.store.bridge import Report, report
from jobframe.store.enqueue import MAX_BATCH_JOBS
from jobframe.store.keys import field
from jobframe.store.settle import Settled
from jobframe.store.store import Store

__all__ = ["Relay"]

_MARK_OUTLIVES_MS = 10_000


class Relay:
    """
    Gathers reports while the call before is in flight, then sends them in one.

    What it does not get to tell, some bridge's look at arq's queue finds and tells.
    """

    def __init__(self, store: Store) -> None:
        """Tell through *store*, where arq's keys lie too."""
        self._store = store
        self._started: dict[str, str] = {}  # type<tab>id of each job from arq that runs here → arq's queue
        self._untold: list[Report] = []
        self._telling: asyncio.Task[None] | None = None

    def started(self, type: str, unique: str, headers: Mapping[str, str], timeout_ms: int) -> None:
        """Have the producer told that a job runs, if it came from arq."""
        queue = headers.get(HEADER)
        if queue is not None:
            self._started[field(type, unique)] = queue
            self._tell(Report("started", queue, arq_id(unique), type, unique, text=timeout_ms + _MARK_OUTLIVES_MS))

    def ended(self, recorded: Iterable[Settled]) -> None:
        """Have the producers told how attempts ended that the store has recorded, unless another attempt follows."""
        if not self._started:
            return
        for each in recorded:
            queue = self._started.pop(field(each.type, each.unique), None)
            if queue is not None:
                result = each.outcome.result if isinstance(each.outcome, Completed) else b""
                self._tell(Report("stopped", queue, arq_id(each.unique), each.type, each.unique, data=result))

    async def flush(self) -> None:
        """Wait until everything so far is told, or was tried."""
        if self._telling is not None:
            await asyncio.wait([self._telling])

    def _tell(self, said: Report) -> None:
        self._untold.append(said)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._untold:
            batch, self._untold = self._untold[:MAX_BATCH_JOBS], self._untold[MAX_BATCH_JOBS:]
            with contextlib.suppress(StoreUnavailable):
                await report(self._store, batch)
