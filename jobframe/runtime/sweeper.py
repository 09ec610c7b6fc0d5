"""Sweeps when a renewal says that somebody should: takes jobs back from dead workers and keeps house."""

from __future__ import annotations

import asyncio

import structlog

from jobframe.core import clock
from jobframe.core.errors import JobframeError
from jobframe.store.leases import sweep
from jobframe.store.store import Store

__all__ = ["Sweeper"]

_log = structlog.get_logger("jobframe.worker")


class Sweeper:
    """Every worker has one; a sweep is idempotent and needs no leader."""

    def __init__(self, store: Store, lease_ms: int) -> None:
        """Sweep *store*; leases in this fleet last *lease_ms* milliseconds."""
        self._store = store
        self._lease_ms = lease_ms
        self._asked = asyncio.Event()
        self._last_ask = clock.monotonic()
        self._late = False
        self._stopping = False

    def ask(self) -> None:
        """Sweep soon; called with every renewal, which also shows whether this worker was itself late."""
        now = clock.monotonic()
        self._late = now - self._last_ask > self._lease_ms / 1000
        self._last_ask = now
        self._asked.set()

    def tick(self) -> None:
        """Note a renewal that asked for no sweep."""
        self._late = False
        self._last_ask = clock.monotonic()

    async def run(self) -> None:
        """Sweep when asked, until stopped. A sweeper that was itself late writes suspicions only."""
        while not self._stopping:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._sweep()
            except JobframeError as error:
                _log.warning("sweep put off", reason=str(error))

    def stop(self) -> None:
        """Sweep no more."""
        self._stopping = True
        self._asked.set()

    async def _sweep(self) -> None:
        more = not self._stopping
        while more:
            swept = await sweep(self._store, self._lease_ms, may_take=not self._late)
            if swept.workers:
                _log.warning("took over from dead workers", workers=swept.workers, jobs=swept.jobs)
            more = swept.more
