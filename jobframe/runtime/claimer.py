"""Asks for as much work as there is room for, one claim in flight, sent until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from jobframe.core.errors import JobframeError
from jobframe.runtime.patience import Patience
from jobframe.runtime.running import Runnable
from jobframe.store.claim import Claim, claim
from jobframe.store.store import Store

__all__ = ["Claimer", "Room"]

_LARGEST_QUANTUM = 16
_LONGEST_WATCH_S = 3600.0


class Room:
    """How much this worker can start now: in all, and in each lane by the pool that its jobs run in."""

    def __init__(self, max_jobs: int, taken: Callable[[], int], free_in: Callable[[str, int], int]) -> None:
        """
        Count room.

        Args:
            max_jobs: Jobs at once in this process.
            taken: Jobs that run or are not yet settled.
            free_in: Free places in the pool of a ``run_in``, at most so many.

        """
        self._max_jobs = max_jobs
        self._taken = taken
        self._free_in = free_in

    def total(self) -> int:
        """Return how many more jobs may be held at all."""
        return self._max_jobs - self._taken()

    def lanes(self, runnables: Mapping[str, Runnable]) -> dict[str, int]:
        """Return the room in each lane that has any."""
        total = self.total()
        lanes = {each.lane: self._free_in(each.policy.run_in, total) for each in runnables.values()}
        return {lane: room for lane, room in lanes.items() if room > 0}


class Claimer:
    """
    The one claimer of this process.

    Attributes:
        idle: Set while the last claim left nothing that this worker could start.

    """

    def __init__(
        self,
        store: Store,
        room: Room,
        runnables: Callable[[], Mapping[str, Runnable]],
        *,
        take: Callable[[Claim], None],
        want_wake: Callable[[], None],
    ) -> None:
        """
        Claim from *store*.

        Args:
            store: The store.
            room: How much there is room for.
            runnables: What can be run here, by type.
            take: Takes the claimed jobs.
            want_wake: Called when there is room and nothing left to claim.

        """
        self.idle = asyncio.Event()
        self._store = store
        self._room = room
        self._runnables = runnables
        self._take = take
        self._want_wake = want_wake
        self._worker = ""
        self._number = 0
        self._more = False
        self._lanes_asked: set[str] = set()
        self._settled_since = 0
        self._look = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False

    def resume(self, worker: str) -> None:
        """Claim as *worker* from now on: it joined, or joined anew, or its lanes changed."""
        if worker != self._worker:
            self._worker = worker
            self._number = 0
        self.look()

    def stop(self) -> None:
        """Claim no more; a claim in flight is still answered."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
        self.look()

    def look(self) -> None:
        """Claim soon: there may be something."""
        self.idle.clear()
        self._look.set()

    def freed(self, jobs: int) -> None:
        """Note that *jobs* slots became free; worth a claim when the last one left something or had no room for it."""
        self._settled_since += jobs
        if self._more or self._room.lanes(self._runnables()).keys() - self._lanes_asked:
            self._look.set()
        else:
            self._want_wake()

    async def run(self) -> None:
        """Claim whenever it is worth it, until cancelled."""
        while not self._stopping:
            await self._look.wait()
            self._look.clear()
            if self._stopping:
                return
            worker, lanes = self._worker, self._room.lanes(self._runnables())
            if not lanes:
                self._more = True  # somebody asked to look: do so when there is room
                continue
            self._lanes_asked = set(lanes)
            answer = await self._claim(worker, lanes)
            if answer is None or worker != self._worker:
                continue  # the lease keeper learns of it too, and joins anew
            self._more = answer.more
            if answer.watch_ms:
                self._watch(answer.watch_ms)
            if answer.jobs:
                self._take(answer)
            if answer.more and answer.jobs and self._room.lanes(self._runnables()):
                self._look.set()
            elif not answer.more:
                self._want_wake()
            if not (answer.jobs and answer.more) and not self._look.is_set():
                self.idle.set()

    async def _claim(self, worker: str, lanes: Mapping[str, int]) -> Claim | None:
        self._number += 1
        quantum = max(1, min(_LARGEST_QUANTUM, self._settled_since // 4))
        self._settled_since = 0
        patience = Patience("claim")
        while True:
            try:
                answer = await claim(self._store, worker, self._number, self._room.total(), quantum, lanes.items())
            except JobframeError as error:
                await patience.wait(error)
                if self._stopping or worker != self._worker:
                    return None
            else:
                patience.done()
                return answer

    def _watch(self, watch_ms: int) -> None:
        """Look again when the job is due that this worker watches for the whole fleet."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(watch_ms / 1000, _LONGEST_WATCH_S), self.look)
