"""Row 03: workers kill themselves with -9 wherever it is worst; no job is lost, and no effect comes twice."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from jobframe.core.job import State
from jobframe.store import leases
from jobframe.store.doctor import examine
from jobframe.store.inspect import workers
from tests.conformance.invariants import problems_in, states_in
from tests.conformance.world import World
from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.failpoints import program
from tests.fleet.workers import until

WAVES = 2 if FULL else 1  # over before the first dead are taken over from, so that each job dies once
JOBS = load(200) // WAVES
ROOM = JOBS // 2
"""So much room has a worker: it dies with about half of the jobs of its wave in hand."""

TABLES = """
[jobs."work.thread"]
max_retries = 0
[jobs."work.batch_thread"]
backoff = { strategy = "fixed", base = "1ms", jitter = "none" }
"""
ONCE = {"do": "once", "text": "first second"}


@attrs.frozen
class Failpoint:
    """
    A place at which a worker dies.

    Attributes:
        places: Its name, or one for each side of it, in turn from wave to wave.
        last: The last time that it may come there alive, and then dies.
        work: What its jobs do.

    """

    places: tuple[str, ...]
    last: int = 1
    work: dict[str, object] = attrs.field(default=ONCE)


RETRIED = Failpoint(("recorded retried", "concluded retried"), work=ONCE | {"n": 1})
DEAD_LETTER = Failpoint(("concluded failed", "recorded failed"), work=ONCE | {"n": 99})
CANCELLED = Failpoint(("concluded cancelled", "recorded cancelled"), work={"do": "once_and_hold", "text": "never"})
LANES = {
    "work.loop": (Failpoint(("starting",), ROOM), CANCELLED),
    "work.other": (Failpoint(("returned",), ROOM),),
    "work.thread": (Failpoint(("claimed",), 2), DEAD_LETTER),
    "work.batch": (Failpoint(("recorded completed",)),),
    "work.batch_thread": (RETRIED,),
}
"""Type → what its workers die of, one after the other; those of different types die at the same time."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


class Storm:
    """
    Workers that die at failpoints.

    Attributes:
        expected: Job → the state that it shall end in.
        held: How many jobs each of them held when it died.

    """

    def __init__(self, fleet):
        self._fleet = fleet
        self.expected: dict[str, State] = {}
        self.held: list[int] = []

    async def wave(self, number):
        """Have a worker die at every failpoint."""
        await asyncio.gather(*(self._lane(number, *each) for each in LANES.items()))

    async def _lane(self, wave, type, failpoints):
        for failpoint in failpoints:
            place = failpoint.places[wave % len(failpoint.places)]
            jobs = await self._fleet.enqueue(JOBS, type, **failpoint.work)
            self.expected |= dict.fromkeys(jobs, State.FAILED if failpoint is DEAD_LETTER else State.COMPLETED)
            nth = self._fleet.dice.randint(1, failpoint.last)
            victim = self._fleet.spawn("--type", type, program=program(place, nth))
            if failpoint is CANCELLED:
                await self._cancel_some(jobs, victim)
            assert -9 == await victim.exit_code(PATIENCE_S), victim.said()
            assert [victim.pid] == [line.pid for line in self._fleet.ledger.lines(place) if line.pid == victim.pid]
            names = {stats.member.pid: stats.worker for stats in await workers(self._fleet.jobs.store)}
            self.held.append(len(await leases.held(self._fleet.jobs.store, names[victim.pid])))
            if failpoint is CANCELLED:
                await self._cancel(jobs)

    async def _cancel_some(self, jobs, victim):
        """Cancel some of the jobs that the victim holds in the middle of a step."""

        def in_hand():
            lines = self._fleet.ledger.lines("did second")
            return [line.job for line in lines if line.job in jobs and line.pid == victim.pid]

        held = await until(lambda: len(in_hand()) == ROOM and in_hand(), "it holds jobs", PATIENCE_S)
        assert {State.ACTIVE} == await self._cancel(held[:IN_FLIGHT])

    async def _cancel(self, jobs):
        """Cancel jobs, those of a dead worker too; returns what their states are then."""
        self.expected |= dict.fromkeys(jobs, State.CANCELLED)
        return {await self._fleet.jobs.cancel(job) for job in jobs}


async def test_no_job_is_lost_and_no_effect_comes_twice_wherever_a_worker_dies(fleet):
    fleet.configure(TABLES, **RUNTIME | {"max_jobs": ROOM})
    async with fleet.here():
        pass  # it has announced every type
    storm = Storm(fleet)
    for number in range(WAVES):
        await storm.wave(number)
    fleet.spawn("--type", "work.empty")  # it takes over from all the dead, and runs none of their jobs
    await until(lambda: _one_is_left(fleet), "all the dead are taken over from", PATIENCE_S)
    swept = await _states(fleet)
    troubles = (await examine(fleet.jobs.store)).troubles
    await fleet.start()
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts = await fleet.jobs.counts()
    again, cut_off = _effects_that_came_again(fleet.ledger)

    tell(f"held at each death: {storm.held}; {len(cut_off)} effects came again, for their step had not ended")
    assert all(held >= IN_FLIGHT for held in storm.held)
    assert storm.expected.keys() == swept.keys(), "each is in one state"
    assert {} == troubles
    assert "active" not in swept.values()
    assert [] == again
    assert storm.expected == await _states(fleet)
    assert (sum(storm.held), WAVES * JOBS) == (counts["crashed"], counts["retried"])


async def _one_is_left(fleet):
    return [fleet.workers[-1].pid] == [stats.member.pid for stats in await workers(fleet.jobs.store)]


async def _states(fleet):
    """Return the state of every job, once it is seen that all that must hold does; no worker does anything."""
    world = World(fleet.url, fleet.namespace)
    try:
        content = await world.dump()
        seconds, _ = await world.store.redis.time()
        assert [] == problems_in(content, 1000 * seconds)
        return states_in(content, 1000 * seconds)
    finally:
        await world.aclose()


def _effects_that_came_again(ledger):
    """Name the jobs whose first effect came again: though its step had ended, and because it had not."""
    done, ended, again, cut_off = set(), set(), [], []
    for line in ledger.lines():
        if line.what == "did second":
            ended.add(line.job)
        elif line.what == "did first" and line.job in done:
            (again if line.job in ended else cut_off).append(line.job)
        elif line.what == "did first":
            done.add(line.job)
    return again, cut_off
