"""Releases parked jobs that this worker can read: when it joins the fleet, and when another worker parks one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from jobframe.core.errors import JobframeError
from jobframe.runtime.patience import Patience
from jobframe.runtime.running import Runnable
from jobframe.store.parking import unpark
from jobframe.store.store import Store

__all__ = ["Unparker"]

_log = structlog.get_logger("jobframe.worker")
_HANDED_ON_AFTER_MS = 1_000
"""A job that an older worker has just parked may be claimed by it again: it goes round at most once a second."""


class Unparker:
    """Every worker has one; what it can read is told by the versions of its types."""

    def __init__(self, store: Store, runnables: Callable[[], Mapping[str, Runnable]]) -> None:
        """Release in *store* what *runnables*, by type, can read."""
        self._store = store
        self._runnables = runnables
        self._joined = False
        self._parked: set[str] = set()
        self._asked = asyncio.Event()
        self._stopping = False

    def joined(self) -> None:
        """Look at all types: this worker may be the first that can read what is parked."""
        self._joined = True
        self._asked.set()

    def parked(self, type: str) -> None:
        """Look at *type*: a job of it was just parked."""
        if type in self._runnables():
            self._parked.add(type)
            self._asked.set()

    async def run(self) -> None:
        """Release when asked, until stopped."""
        patience = Patience("unpark")
        while not self._stopping:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._release()
            except JobframeError as error:
                self._asked.set()
                await patience.wait(error)
            else:
                patience.done()

    def stop(self) -> None:
        """Release no more."""
        self._stopping = True
        self._asked.set()

    async def _release(self) -> None:
        if self._stopping:
            return
        everything, some = self._joined, self._parked
        self._joined, self._parked = False, set()
        versions = {name: each.type.version for name, each in self._runnables().items()}
        try:
            released = await unpark(self._store, versions) if everything else 0
            if chosen := {name: versions[name] for name in some & versions.keys()}:
                released += await unpark(self._store, chosen, _HANDED_ON_AFTER_MS)
        except JobframeError:
            self._joined, self._parked = self._joined or everything, self._parked | some
            raise
        if released:
            _log.info("released parked jobs", jobs=released)
