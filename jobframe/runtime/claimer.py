"""Asks for as much work as there is room for: one claim in flight, sent until answered, alone or with a settle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from jobframe.core.errors import JobframeError
from jobframe.runtime.patience import Patience
from jobframe.runtime.running import Runnable
from jobframe.store.claim import Claim, ClaimCall, read_claim
from jobframe.store.store import Store

__all__ = ["Claimer", "Room"]

_LARGEST_QUANTUM = 32
_LONGEST_WATCH_S = 3600.0


class Room:
    """How much this worker can start now, in each lane by the pool that its jobs run in."""

    def __init__(
        self,
        max_jobs: Callable[[], int],
        taken: Callable[[], int],
        free_in: Callable[[str, int, int], int],
        running: Callable[[str], int],
    ) -> None:
        """
        Count room.

        Args:
            max_jobs: Jobs at once in this process.
            taken: Jobs that run or are not yet settled.
            free_in: Free places in the pool of a ``run_in``, at most so many, for calls of so many jobs.
            running: Jobs of a type that run here; it is asked only for types with ``per_worker``.

        """
        self._max_jobs = max_jobs
        self._taken = taken
        self._free_in = free_in
        self._running = running
        self._runnables: Mapping[str, Runnable] = {}
        self._pool_of: dict[str, tuple[str, int]] = {}
        self._limited: dict[str, tuple[str, int]] = {}

    def lanes(self, runnables: Mapping[str, Runnable], freed: int = 0) -> dict[str, int]:
        """Return the room in each lane that has any, once *freed* more jobs are settled."""
        total = self._max_jobs() - self._taken() + freed
        rooms = {lane: self._free_in(run_in, total, batch) for lane, (run_in, batch) in self._pools(runnables).items()}
        for lane, (name, per_worker) in self._limited.items():
            rooms[lane] = min(rooms[lane], per_worker - self._running(name))
        return {lane: room for lane, room in rooms.items() if room > 0}

    def _pools(self, runnables: Mapping[str, Runnable]) -> Mapping[str, tuple[str, int]]:
        """Return for each lane in which pool its jobs run, and how many share one call at least when there are many."""
        if runnables is not self._runnables:
            self._runnables, self._pool_of = runnables, {}
            for each in runnables.values():
                batch = each.type.batch or 1
                _, others = self._pool_of.get(each.lane, ("", batch))
                self._pool_of[each.lane] = each.policy.run_in, min(batch, others)
            self._limited = {  # each of these has a lane of its own
                each.lane: (name, each.policy.per_worker)
                for name, each in runnables.items()
                if each.policy.per_worker is not None
            }
        return self._pool_of


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
        self._call: ClaimCall | None = None  # sent and not answered
        self._asking = False
        self._missed = False
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

    @property
    def asking(self) -> bool:
        """Whether a claim is sent and not answered: the store may count jobs as held that are not known here yet."""
        return self._call is not None

    def ride(self, freed: int) -> ClaimCall | None:
        """Return a claim that can go along with the settling of *freed* jobs; None when none is worth it now."""
        if self._asking or self._stopping or not self._more:
            return None
        return self._next_call(freed)

    def beside(self) -> ClaimCall | None:
        """Return a claim that can go along with something else; None while one is under way or there is no room."""
        return None if self._asking or self._stopping else self._next_call(0)

    def answered(self, call: ClaimCall, answer: Claim | None) -> None:
        """Take the answer to *call*; None is that this worker was given up for dead."""
        self._asking, self._call = False, None
        if answer is None or call.worker != self._worker:
            if call.worker == self._worker:
                self._store.reach.doubt()  # the lease keeper learns of it now, and joins anew
            self._look_if_missed()
            return
        self._more = answer.more
        if answer.watch_ms:
            self._watch(answer.watch_ms)
        if answer.jobs:
            self._take(answer)
        if answer.more and self._room.lanes(self._runnables()):  # also when all that it found had expired
            self._look.set()
        elif not answer.more:
            self._want_wake()
        self._look_if_missed()
        if not answer.more and not self._look.is_set():
            self.idle.set()

    def unanswered(self) -> None:
        """Send the claim that rode along again: whether it arrived is not known."""
        self._asking = False
        self._look.set()

    async def run(self) -> None:
        """Claim whenever it is worth it, until stopped."""
        while not self._stopping:
            await self._look.wait()
            self._look.clear()
            if self._stopping:
                return
            if self._asking:
                self._missed = True  # what made somebody ask may be newer than the claim in flight
                continue
            call = self._next_call(0)
            if call is None:
                self._more = True  # somebody asked to look: do so when there is room
                continue
            answer = await self._send(call)
            self.answered(call, answer)

    def _next_call(self, freed: int) -> ClaimCall | None:
        """Return the claim that was never answered, else a new one for the room there is; None when there is none."""
        if self._call is None or self._call.worker != self._worker:
            lanes = self._room.lanes(self._runnables(), freed)
            if not lanes:
                return None
            self._lanes_asked = set(lanes)
            self._number += 1
            quantum = max(1, min(_LARGEST_QUANTUM, self._settled_since // 2))
            self._settled_since = 0
            self._call = ClaimCall(self._worker, self._number, max(lanes.values()), quantum, tuple(lanes.items()))
        self._asking = True
        return self._call

    async def _send(self, call: ClaimCall) -> Claim | None:
        patience = Patience("claim", self._store.reach)
        while True:
            try:
                reply = await self._store.run("claim", *call.arguments())
            except JobframeError as error:
                await patience.wait(error)
                if self._stopping or call.worker != self._worker:
                    return None
            else:
                patience.done()
                return read_claim(reply)

    def _look_if_missed(self) -> None:
        if self._missed:
            self._missed = False
            self._look.set()

    def _watch(self, watch_ms: int) -> None:
        """Look again when the job is due that this worker watches for the whole fleet."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(watch_ms / 1000, _LONGEST_WATCH_S), self.look)
