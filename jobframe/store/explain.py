"""Everything that decides whether one job may run, as the store knows it at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from jobframe.core import ids
from jobframe.core.errors import JobNotFound
from jobframe.core.job import JobInfo
from jobframe.store import answers
from jobframe.store.policies import InForce, decode
from jobframe.store.stats import WorkerStats
from jobframe.store.store import Store

__all__ = ["FullGroup", "Running", "Shared", "Standing", "read"]


@attrs.frozen
class Running:
    """
    A running job.

    Attributes:
        id: Job id.
        worker: Who runs it; None when no registered worker holds it.
        since_ms: When it was claimed.

    """

    id: str
    worker: str | None
    since_ms: int


@attrs.frozen
class Shared:
    """
    A resource that the job takes some of.

    Attributes:
        name: Its name.
        amount: Units that the job takes.
        capacity: Units that there are.
        in_use: Units that running jobs of all types take.
        holders: The longest running of those jobs, at most five.

    """

    name: str
    amount: int
    capacity: int
    in_use: int
    holders: tuple[Running, ...]


@attrs.frozen
class FullGroup:
    """
    The group that a job stands behind.

    Attributes:
        taken: Places taken: by jobs that run, and by jobs whose turn is before this one's.
        holders: The longest running of them, at most five.

    """

    taken: int
    holders: tuple[Running, ...]


@attrs.frozen(kw_only=True)
class Standing:
    """
    One job and all that decides over it; times are the server's clock in milliseconds.

    Attributes:
        now_ms: When that was so.
        job: The job.
        before: Due jobs of its type, or of its group when that is full, that are claimed before it; 0 unless it is
            waiting.
        expires_ms: After that it never starts; None is never.
        told_to_stop: Why its worker was asked to cancel it; None when it was not.
        in_force: The policy in force; None when nobody ever announced the type.
        paused: Who paused the type and when (``by``, ``at``); None when it is not paused.
        arrival_us: Theoretical arrival time of the type's rate, microseconds; 0 when nothing started under a rate.
        slots: Taken slots of the type: its running jobs and those of processes that are ending.
        ending: How many of *slots* belong to processes that are ending.
        slot_ms: When the first of those has surely ended; None without any.
        running: The type's longest running jobs, at most 512; none unless *job* is waiting.
        workers: Every registered worker.
        behind: The live job with the same key whose end it waits for; its *since_ms* is 0 while it does not run.
        resources: What jobs of the type take of the resources that types share; none unless *job* is waiting.
        group: Its group, when the job waits for that to have room.

    """

    now_ms: int
    job: JobInfo
    before: int = 0
    expires_ms: int | None = None
    told_to_stop: str | None = None
    in_force: InForce | None = None
    paused: dict[str, Any] | None = None
    arrival_us: int = 0
    slots: int = 0
    ending: int = 0
    slot_ms: int | None = None
    running: tuple[Running, ...] = ()
    workers: tuple[WorkerStats, ...] = ()
    behind: Running | None = None
    resources: tuple[Shared, ...] = ()
    group: FullGroup | None = None


async def read(store: Store, id: str) -> Standing:
    """
    Read how job *id* stands.

    Raises:
        JobNotFound: There is no such job, or no record of it is kept.
        StoreUnavailable: The server cannot be reached or used.
        ValueError: *id* is no job id.

    """
    type_name, unique = ids.split(id)
    answer = await store.run("explain", type_name, unique)
    if not answer:
        raise JobNotFound(id)
    (now, job, before, expires, told, document, paused, arrival, active, ending, slot, running, workers, behind,
     shared, group) = answer  # fmt: skip
    return Standing(
        now_ms=int(now),
        job=answers.jobs(job)[0],
        before=before,
        expires_ms=int(expires) if expires else None,
        told_to_stop=None if told is None else answers.text(told),
        in_force=decode(document) if document else None,
        paused=msgspec.json.decode(paused) if paused else None,
        arrival_us=int(arrival),
        slots=active + ending,
        ending=ending,
        slot_ms=int(float(slot)) if ending else None,
        running=_running(running),
        workers=answers.workers(workers, int(now)),
        behind=next(iter(_running(behind)), None),
        resources=tuple(
            Shared(answers.text(name), amount, capacity, in_use, _running(holders))
            for name, amount, capacity, in_use, holders in answers.rows(shared, 5)
        ),
        group=FullGroup(group[0], _running(group[1])) if group else None,
    )


def _running(flat: Sequence[Any]) -> tuple[Running, ...]:
    return tuple(
        Running(
            ids.join(answers.text(type_name), answers.text(unique)), answers.text(worker) or None, int(float(since))
        )
        for type_name, unique, since, worker in answers.rows(flat, 4)
    )
