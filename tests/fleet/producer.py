"""A producer that writes down of each job what it was told, and the judgement by that, the ledger and the store."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from typing import NamedTuple

from jobframe.client.jobs import Jobs
from jobframe.core.errors import JobNotFound, StoreFull, StoreUnavailable
from jobframe.core.job import State
from jobframe.store import inspect

TYPE = "work.loop"


class Producer:
    """
    Enqueues one job after another, with several hands.

    Attributes:
        acknowledged: Job id → when it was acknowledged, by the monotonic clock.
        refused: Ids of jobs that are certainly not there → why.
        unknown: Ids of jobs that may be there or not.
        stopped: Set it to have the hands stop.

    """

    def __init__(self, jobs: Jobs, besides: Mapping[str, object] | None = None, **work: object) -> None:
        """Enqueue jobs that do *work*; every tenth does what is to be done *besides*, if there is anything."""
        self._jobs = jobs
        self._works: list[Mapping[str, object]] = [work] * 9 + [work if besides is None else besides]
        self._numbers = itertools.count(1)
        self.acknowledged: dict[str, float] = {}
        self.refused: dict[str, Exception] = {}
        self.unknown: set[str] = set()
        self.stopped = False

    async def run(self, count: int, hands: int = 10) -> None:
        """Enqueue until *count* were acknowledged, or until stopped."""
        await asyncio.gather(*(self._enqueue(count) for _ in range(hands)))

    async def _enqueue(self, count: int) -> None:
        while not self.stopped and len(self.acknowledged) < count:
            number = next(self._numbers)
            unique = f"n{number}"
            try:
                await self._jobs.enqueue(TYPE, self._works[number % 10], id=unique)
            except (StoreUnavailable, StoreFull) as error:
                if getattr(error, "acknowledged", False) is None:
                    self.unknown.add(f"{TYPE}:{unique}")
                else:
                    self.refused[f"{TYPE}:{unique}"] = error
                await asyncio.sleep(0.05)
            else:
                self.acknowledged[f"{TYPE}:{unique}"] = time.monotonic()
            await asyncio.sleep(0.002)


class Verdict(NamedTuple):
    """
    What came of a producer's jobs.

    Attributes:
        lost: Acknowledged ones that did not come to their end.
        uninvited: Jobs that ran though they were refused, or that nobody asked for.
        repeated: Starts beyond the first of each job.

    """

    lost: list[str]
    uninvited: set[str]
    repeated: int


async def judge(fleet, producer):
    """Judge when nothing waits or runs any more; what was trimmed since its end is known from the ledger."""
    ended = {line.job for line in fleet.ledger.lines("end")}
    lost = [
        job
        for job in producer.acknowledged
        if job not in ended or await _state(fleet, job) not in (State.COMPLETED, None)
    ]
    starts = fleet.ledger.starts()
    return Verdict(lost, set(starts) - {*producer.acknowledged, *producer.unknown}, starts.total() - len(starts))


def in_flight(ledger):
    """Count the runs that have begun and not ended; while no worker is killed, these are in flight."""
    return len(ledger.unended())


async def _state(fleet, job):
    try:
        return (await inspect.info(fleet.jobs.store, job)).state
    except JobNotFound:
        return None
