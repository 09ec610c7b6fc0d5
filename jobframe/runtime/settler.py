"""Records outcomes: they gather while the call before is in flight, then go in one call, sent until it is answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

import structlog

from jobframe.core import ids
from jobframe.core.errors import JobframeError
from jobframe.core.outcome import Completed
from jobframe.runtime.claimer import Claimer
from jobframe.runtime.patience import Patience
from jobframe.store.enqueue import MAX_BATCH_BYTES, MAX_BATCH_JOBS
from jobframe.store.settle import SettleCall, Settled
from jobframe.store.store import Store
from jobframe.store.turn import turn

__all__ = ["Settler"]

_log = structlog.get_logger("jobframe.worker")


class Settler:
    """
    The one writer of outcomes of this process.

    Attributes:
        unsettled: Outcomes not yet answered for.
        settled: Outcomes answered for since the start.

    """

    def __init__(
        self,
        store: Store,
        worker: Callable[[], str],
        on_settled: Callable[[list[Settled]], None],
        claimer: Callable[[], Claimer],
    ) -> None:
        """
        Write to *store*.

        Args:
            store: The store.
            worker: Names this worker, which may change when it had been given up for dead.
            on_settled: Told what was recorded, after each call; their slots are free.
            claimer: Whose claims ride along, when there are any.

        """
        self.unsettled = 0
        self.settled = 0
        self._store = store
        self._worker = worker
        self._on_settled = on_settled
        self._claimer = claimer
        self._number = 0
        self._in_flight: SettleCall | None = None
        self._sends = True
        self._pending: deque[Settled] = deque()
        self._sender: asyncio.Task[None] | None = None

    def add(self, outcome: Settled) -> None:
        """Take an outcome; it is written soon."""
        self._pending.append(outcome)
        self.unsettled += 1
        if self._sends and (self._sender is None or self._sender.done()):
            self._sender = asyncio.get_running_loop().create_task(self._send_pending())

    async def flush(self) -> None:
        """Wait until everything taken so far is written."""
        while self._sender is not None and not self._sender.done():
            await asyncio.wait([self._sender])

    def stop_sending(self) -> None:
        """Only gather from now on: the loop does not turn any more, or the worker leaves."""
        self._sends = False

    def unanswered(self) -> Iterator[SettleCall]:
        """Yield the calls that are left, the one in flight first: sent again it counts once."""
        if self._in_flight is not None:
            yield self._in_flight
        while self._pending:
            yield self._next_call(self._next_batch())

    def _next_call(self, batch: list[Settled]) -> SettleCall:
        self._number += 1
        return SettleCall(self._worker(), self._number, batch)

    async def _send_pending(self) -> None:
        while self._pending:
            batch = self._next_batch()
            self._in_flight = self._next_call(batch)
            recorded = await self._send(self._in_flight, len(batch))
            self._in_flight = None
            self.settled += len(batch)
            self._on_settled(recorded)

    def _next_batch(self) -> list[Settled]:
        batch: list[Settled] = []
        size = 0
        while self._pending and len(batch) < MAX_BATCH_JOBS:
            size += _size(self._pending[0])
            if batch and size > MAX_BATCH_BYTES:
                break
            batch.append(self._pending.popleft())
        return batch

    async def _send(self, call: SettleCall, jobs: int) -> list[Settled]:
        """Send *call* until it is answered; a claim goes along with the first try."""
        claimer, patience = self._claimer(), Patience("settle", self._store.reach)
        riding, lost = claimer.ride(jobs), False
        while True:
            try:
                if riding is None:
                    answers, claimed = call.read(await self._store.run("settle", *call.arguments)), None
                else:
                    answers, claimed = await turn(self._store, call, riding)
            except JobframeError as error:
                lost, riding = lost or riding is not None, None
                await patience.wait(error)
                continue
            patience.done()
            self.unsettled -= jobs
            if riding is not None:
                claimer.answered(riding, claimed)
            elif lost:  # not before: it counts on the slots that this call has freed
                claimer.unanswered()
            return _recorded(answers)


def _recorded(answers: list[tuple[Settled, bool]]) -> list[Settled]:
    for each, recorded in answers:
        if not recorded:
            _log.warning("outcome refused: another run owns the job", job=ids.join(each.type, each.unique))
    return [each for each, recorded in answers if recorded]


def _size(each: Settled) -> int:
    outcome, size = each.outcome, len(each.record)
    if isinstance(outcome, Completed):
        size += len(outcome.result)
    if each.follow_ups:
        size += sum(job.size for job in each.follow_ups)
    return size
