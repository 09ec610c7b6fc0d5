"""
The bridge to producers with plain arq: takes their jobs over, and answers in the keys where arq's own `Job` looks.

It hands each job over to our queues and does not wait for it. A crash in between repeats harmlessly: a job is enqueued
under its own id, and what lies on arq's queue marked as handed over is the list of answers still owed, which every
bridge of the fleet works off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from itertools import islice

import structlog

from jobframe.core import ids
from jobframe.core.errors import JobframeError, JobNotFound, QueueFull, StoreUnavailable
from jobframe.core.job import State
from jobframe.runtime.arq_intake import Ready, prepare, read_all
from jobframe.runtime.arq_job import UNREADABLE, parked_unique
from jobframe.runtime.arq_relay import Relay
from jobframe.runtime.patience import Patience
from jobframe.store import bridge, operate, policies
from jobframe.store.bridge import Due, Handed, Look, Report
from jobframe.store.enqueue import Stale, batches, enqueue
from jobframe.store.store import Store

__all__ = ["Bridge"]

_PERIOD_MS = 500
_PAUSE_AFTER_BUG_S = 5.0
_LAST_WORDS_S = 1.0
_ABORTED = "aborted by its producer"

log = structlog.get_logger("jobframe.arq")


class Bridge:
    """
    One worker's part of the bridge; the parts of a fleet take turns.

    Attributes:
        relay: Told of the jobs that this worker runs.

    """

    def __init__(self, store: Store, queue: str) -> None:
        """
        Bridge arq's *queue* to *store* from `start` on.

        Args:
            store: The store; not on a cluster, where arq's keys lie in other slots.
            queue: arq's queue.

        """
        self.relay = Relay(store)
        self._store = store
        self._queue = queue
        self._name = ids.new_client()
        self._calls = 0
        self._rank = 0
        self._handed_over = 0
        self._known: dict[str, policies.InForce | None] = {}
        self._looking = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at arq's queue from now on, twice a second in all over the fleet."""
        self._running = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Stop looking, and tell what is still to be told; the store stays open."""
        self._stopping.set()
        ends = [asyncio.create_task(self.relay.flush()), *([self._running] if self._running else [])]
        _, late = await asyncio.wait(ends, timeout=_LAST_WORDS_S)
        for task in late:
            task.cancel()  # a call to a server that is away; its connection is dropped with the store
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            await asyncio.wait_for(bridge.leave(self._store, self._name), _LAST_WORDS_S)

    async def take_over(self) -> int:
        """Hand over all that is due now, however long that takes, and return how many jobs that were."""
        first = self._handed_over
        while True:
            before = self._handed_over
            await self._look_patiently()
            if self._handed_over == before:
                return before - first

    async def look(self) -> Look:
        """
        Look once at arq's queue, hand over what is due, answer what is owed.

        Raises:
            StoreUnavailable: The server cannot be reached or used.
            StoreFull: Its memory is full: what could not be handed over stays with arq.

        """
        async with self._looking:
            found = await bridge.look(self._store, self._queue, self._name, _PERIOD_MS, self._rank)
            self._rank = found.next_rank
            await self._answer(found.ended, found.aborted)
            await self._hand_over(found.due, found.now_ms)
            return found

    async def _run(self) -> None:
        while not self._stopping.is_set():
            found = await self._look_patiently()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _until_turn_s(found))

    async def _look_patiently(self) -> Look:
        patience = Patience("look at arq's queue", self._store.reach)
        while True:
            try:
                found = await self.look()
            except JobframeError as error:
                await patience.wait(error)
            except Exception as error:  # noqa: BLE001 - nothing that lies on arq's queue may end a worker
                log.error("the bridge to arq failed and goes on", error=type(error).__name__)  # noqa: TRY400 - its text may hold a payload
                await asyncio.sleep(_PAUSE_AFTER_BUG_S)
            else:
                patience.done()
                return found

    async def _answer(self, ended: Iterable[Handed], aborted: Iterable[Handed]) -> None:
        reports = [Report("stopped", self._queue, each.id, each.type, each.unique) for each in ended]
        reports += [report for each in aborted if (report := await self._cancel(each))]
        await bridge.report(self._store, reports)

    async def _cancel(self, job: Handed) -> Report | None:
        """Cancel a job whose producer aborted it; None while it still runs."""
        if not job.type:
            return Report("cancelled", self._queue, job.id, UNREADABLE, parked_unique(job.id))
        try:
            state = await operate.cancel(self._store, ids.join(job.type, job.unique), _ABORTED)
        except JobNotFound:
            return Report("cancelled", self._queue, job.id, job.type, job.unique)
        return None if state is State.ACTIVE else Report("stopped", self._queue, job.id, job.type, job.unique)

    async def _hand_over(self, due: Sequence[Due], now_ms: int) -> None:
        readable, answers = read_all(self._queue, due)
        if any(each.word == "parked" for each in answers):
            sealed = [name for name, each in (await policies.read(self._store)).items() if each.sealed]
            readable, answers = read_all(self._queue, due, sealed)
        await self._learn({each.job.f for each in readable})
        intake = prepare(self._queue, readable, self._known, now_ms)
        answers += intake.answers
        for each in answers:
            if each.word in ("parked", "refused"):
                log.warning("a job from arq cannot run", job=ids.join(each.type, each.unique), reason=each.text)
        await bridge.report(self._store, answers)
        await self._postpone((each.due, each.job.et) for each in intake.postponed)
        for postponed in intake.postponed:
            self._known.pop(postponed.job.f, None)  # it may be announced at any time
        await self._enqueue(intake.ready)

    async def _postpone(self, jobs: Iterable[tuple[Due, int]]) -> None:
        """Leave jobs, each with when it was made, on arq's queue, out of the way of the others."""
        await bridge.mark(self._store, self._queue, [(due, made_ms, "", "") for due, made_ms in jobs])

    async def _learn(self, types: set[str]) -> None:
        new = types - self._known.keys()
        if new:
            self._known |= dict.fromkeys(new) | dict(await policies.read(self._store, new))

    async def _enqueue(self, jobs: Sequence[Ready]) -> None:
        """Enqueue *jobs* and mark them as handed over; what a newer policy refuses is due again at the next look."""
        rest = iter(jobs)
        for batch in batches([each.encoded for each in jobs]):
            members = list(islice(rest, len(batch)))
            try:
                await self._send(members)
            except QueueFull as full:
                await self._fill(members, full.type)

    async def _send(self, members: Sequence[Ready]) -> None:
        """Enqueue jobs in one call, all or none, and mark them; none when a policy is another by now."""
        self._calls += 1
        answer = await enqueue(self._store, self._name, self._calls, [each.encoded for each in members])
        if isinstance(answer, Stale):
            self._known[answer.type] = policies.decode(answer.document) if answer.document else None
            return
        done = [  # one that found its equal is owed what becomes of that
            (each.due, each.made_ms, each.encoded.type, other or each.encoded.unique)
            for each, other in zip(members, answer, strict=True)
        ]
        self._handed_over += await bridge.mark(self._store, self._queue, done)

    async def _fill(self, members: Sequence[Ready], full: str) -> None:
        """Enqueue what still fits of the type whose queue is *full*, one by one, and the jobs of the other types."""
        await self._enqueue([each for each in members if each.encoded.type != full])
        late = [each for each in members if each.encoded.type == full]
        try:
            while late:
                await self._send(late[:1])
                del late[0]
        except QueueFull:
            await self._postpone((each.due, each.made_ms) for each in late)


def _until_turn_s(found: Look) -> float:
    """Seconds until this bridge's turn: the fleet's turns are spread evenly over the server's clock."""
    if found.more:
        return 0.0
    cycle_ms = _PERIOD_MS * found.bridges
    wait_ms = (found.place * _PERIOD_MS - found.now_ms) % cycle_ms
    return (wait_ms if wait_ms > _PERIOD_MS / 10 else wait_ms + cycle_ms) / 1000
