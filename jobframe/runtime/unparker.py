"""Releases parked jobs that this worker can read: when it joins the fleet, and when another worker parks one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

import structlog

from jobframe.core.errors import JobframeError
from jobframe.runtime.claimer import Claimer
from jobframe.runtime.patience import Patience
from jobframe.runtime.running import Runnable
from jobframe.store.parking import unpark
from jobframe.store.store import Store

__all__ = ["Unparker"]

_log = structlog.get_logger("jobframe.worker")
_HANDED_ON_AFTER_MS = 1_000
"""What this worker has no room for may be claimed and parked by an older one again: it goes round once a second."""


class Unparker:
    """
    Every worker has one; what it can read is told by the versions of its types and by its keys.

    A claim goes along with each release: a worker beside this one that cannot read them could be faster, and park them.
    """

    def __init__(
        self, store: Store, runnables: Callable[[], Mapping[str, Runnable]], claimer: Claimer, keys: Collection[str]
    ) -> None:
        """Release in *store* what *runnables*, by type, can read with *keys*, and take it with *claimer*."""
        self._store = store
        self._runnables = runnables
        self._claimer = claimer
        self._keys = keys
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
        patience = Patience("unpark", self._store.reach)
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
        everything, some = self._joined, self._parked
        self._joined, self._parked = False, set()
        versions = {name: each.type.version for name, each in self._runnables().items()}
        if not everything:
            versions = {name: versions[name] for name in some & versions.keys()}
        try:
            released = await self._release_all(versions)
        except JobframeError:
            self._joined, self._parked = self._joined or everything, self._parked | some
            raise
        if released:
            _log.info("released parked jobs", jobs=released)

    async def _release_all(self, versions: Mapping[str, int]) -> int:
        """Release what *versions*, by type, can read, in batches, and return how many jobs that were."""
        total, more = 0, True
        while more and versions and not self._stopping:
            claiming = self._claimer.beside()
            try:
                release = await unpark(
                    self._store, versions, claiming, keys=self._keys, delay_ms=0 if claiming else _HANDED_ON_AFTER_MS
                )
            except JobframeError:
                if claiming is not None:
                    self._claimer.unanswered()
                raise
            if claiming is not None:
                self._claimer.answered(claiming, release.claim)
            total, more = total + release.jobs, release.more
        return total
