"""Gathers concurrent enqueues into few calls, one in flight at a time; a call whose answer was lost is sent again."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Sequence

from jobframe.client.encoder import Encoder
from jobframe.core import clock, ids
from jobframe.core.errors import JobframeError, QueueFull, StoreFull, StoreUnavailable
from jobframe.core.job import NewJob
from jobframe.store.enqueue import MAX_BATCH_BYTES, MAX_BATCH_JOBS, Encoded, Stale, enqueue
from jobframe.store.store import Store

__all__ = ["Coalescer", "Unit"]

_RESEND_FOR_S = 10.0
_RESEND_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_MOST_STALE_ROUNDS = 8
"""Policies would have to change that often during one call."""


class Unit:
    """
    Jobs that go in one call, or none of them.

    Attributes:
        jobs: What was asked for, to encode again under another policy.
        encoded: The same, encoded.
        done: Resolves to the store's answer per job.

    """

    __slots__ = ("done", "encoded", "jobs")

    def __init__(self, jobs: Sequence[NewJob], encoded: list[Encoded], done: asyncio.Future[list[str | None]]) -> None:
        """Hold the jobs of one call."""
        self.jobs = jobs
        self.encoded = encoded
        self.done = done

    @property
    def size(self) -> int:
        """Bytes that count toward a batch."""
        return sum(job.size for job in self.encoded)


class Coalescer:
    """The sending half of a client: calls that come while one is in flight go together in the next."""

    def __init__(self, store: Store, encoder: Encoder, *, roll: Callable[[], float] = ids.roll) -> None:
        """Send to *store*; policies that changed are learnt into *encoder*."""
        self._store = store
        self._encoder = encoder
        self._roll = roll
        self._client = ids.new_client()
        self._number = 0
        self._pending: deque[Unit] = deque()
        self._apart: deque[Unit] = deque()  # each goes in a call of its own: one of them found its queue full
        self._sender: asyncio.Task[None] | None = None

    async def send(self, jobs: Sequence[NewJob], encoded: list[Encoded]) -> list[str | None]:
        """
        Enqueue jobs that fit one batch.

        Returns:
            Per job None when it was made, else the unique part of the job in its place.

        Raises:
            StoreUnavailable: The server cannot be reached or used; *acknowledged* is None when the jobs may be there.
            StoreFull: Its memory is full; nothing was enqueued.
            QueueFull: More jobs of a type would wait than its policy allows; nothing was enqueued.

        """
        unit = Unit(jobs, encoded, asyncio.get_running_loop().create_future())
        self._pending.append(unit)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send_pending())
        return await unit.done

    async def aclose(self) -> None:
        """Wait until what is pending was sent or refused."""
        if self._sender is not None:
            await asyncio.wait([self._sender])

    async def _send_pending(self) -> None:
        while self._pending or self._apart:
            units = self._next_batch()
            try:
                answers = await self._send_batch(units)
            except QueueFull as error:
                if len(units) == 1:
                    _fail(units, error)
                self._apart.extend(unit for unit in units if not unit.done.done())
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait for this batch
                _fail(units, error)
            else:
                _answer(units, answers)

    def _next_batch(self) -> list[Unit]:
        if self._apart:
            return [self._apart.popleft()]
        units = [self._pending.popleft()]
        count, size = len(units[0].encoded), units[0].size
        while self._pending:
            unit = self._pending[0]
            count += len(unit.encoded)
            size += unit.size
            if count > MAX_BATCH_JOBS or size > MAX_BATCH_BYTES:
                break
            units.append(self._pending.popleft())
        return units

    async def _send_batch(self, units: list[Unit]) -> list[str | None]:
        """Send *units* in one call; those that a new policy refuses are failed and taken out of the list."""
        for _ in range(_MOST_STALE_ROUNDS):
            if not units:
                return []
            self._number += 1
            answer = await self._call([job for unit in units for job in unit.encoded])
            if not isinstance(answer, Stale):
                return answer
            self._encoder.learn(answer)
            units[:] = [unit for unit in units if self._encode_again(unit)]
        reason = "the policies of these job types keep changing: nothing was enqueued; try again"
        raise StoreUnavailable(reason, acknowledged=False)

    def _encode_again(self, unit: Unit) -> bool:
        try:
            unit.encoded = [  # under the same ids: handles were promised them
                self._encoder.encode(job, before.unique) for job, before in zip(unit.jobs, unit.encoded, strict=True)
            ]
        except (JobframeError, ValueError) as error:
            _fail([unit], error)
            return False
        return True

    async def _call(self, jobs: list[Encoded]) -> list[str | None] | Stale:
        """Send under one number until it is answered; the first failure ends it when surely nothing was sent."""
        deadline = clock.monotonic() + _RESEND_FOR_S
        pause_s = _RESEND_PAUSE_S
        sent_before = False
        while True:
            try:
                return await enqueue(self._store, self._client, self._number, jobs)
            except StoreUnavailable as error:
                sent_before = sent_before or error.acknowledged is None
                if not sent_before:
                    raise
                reason = error.reason
            except StoreFull:  # told before the server looks whether it has answered this call already
                if not sent_before:
                    raise
                reason = "an answer of the store was lost, and now it is out of memory: the jobs may be there"
            if clock.monotonic() > deadline:
                raise StoreUnavailable(reason, acknowledged=None)
            await asyncio.sleep(pause_s * self._roll())
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _answer(units: list[Unit], answers: list[str | None]) -> None:
    at = 0
    for unit in units:
        if not unit.done.done():
            unit.done.set_result(answers[at : at + len(unit.encoded)])
        at += len(unit.encoded)


def _fail(units: list[Unit], error: Exception) -> None:
    for unit in units:
        if not unit.done.done():  # each its own: who catches it may write into it
            unit.done.set_exception(copy.copy(error) if isinstance(error, JobframeError) else error)
