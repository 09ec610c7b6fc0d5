"""Fires a schedule: its job is checked and encoded like every other, and goes to the store by a script of its own."""

from __future__ import annotations

from jobframe.client.jobs import Jobs
from jobframe.core import ids
from jobframe.core.errors import QueueFull, StoreUnavailable
from jobframe.core.job import NewJob
from jobframe.store import schedules
from jobframe.store.enqueue import Stale
from jobframe.store.schedules import Answer, InForce, UnknownSchedule

__all__ = ["fire", "fire_by_hand"]

_MOST_ROUNDS = 8
"""What is in force would have to change that often meanwhile."""


async def fire(jobs: Jobs, in_force: InForce, slot_ms: int, *, by_hand: bool = False) -> Answer:
    """
    Enqueue the job of one slot, if nobody has and nothing forbids it.

    Raises:
        JobframeError: What `Jobs.enqueue` raises.

    """
    schedule = in_force.schedule
    job = NewJob(schedule.job, dict(schedule.payload), id=_unique(in_force, slot_ms))
    stale: Stale | None = None
    for _ in range(_MOST_ROUNDS):
        encoded = await jobs.encode(job, stale)
        answer = await schedules.fire(jobs.store, in_force, slot_ms, encoded, by_hand=by_hand)
        if not isinstance(answer, Stale):
            return answer
        stale = answer
    raise _keeps_changing(f"the policy of {schedule.job}")


async def fire_by_hand(jobs: Jobs, name: str) -> str:
    """
    Enqueue a job of schedule *name* now, whatever its slots and its overlap say.

    Returns:
        The id of the job; where the type is unique, of the equal one that was there.

    Raises:
        UnknownSchedule: None of that name is in force.
        QueueFull: As many jobs of the type wait as its ``max_waiting`` allows.
        JobframeError: What `Jobs.enqueue` raises.

    """
    for _ in range(_MOST_ROUNDS):
        seen = await schedules.read(jobs.store)
        if name not in seen.schedules:
            raise UnknownSchedule(name, list(seen.schedules))
        in_force = seen.schedules[name].in_force
        type_name = in_force.schedule.job
        answer = await fire(jobs, in_force, seen.now_ms, by_hand=True)
        if answer.what == "FULL":
            raise QueueFull(type_name, int(answer.detail))
        if answer.what != "CHANGED":
            return ids.join(type_name, answer.detail or _unique(in_force, seen.now_ms))
    raise _keeps_changing(f"schedule {name}")


def _keeps_changing(what: str) -> StoreUnavailable:
    return StoreUnavailable(f"{what} keeps changing: nothing was enqueued; try again", acknowledged=False)


def _unique(in_force: InForce, slot_ms: int) -> str:
    return f"{in_force.schedule.name}@{slot_ms}"
