"""
Row 25: ``concurrency`` while workers are killed and the limit itself changes, judged by what the handlers wrote down.

Ideal is that each slot runs a job at every moment: as many slots as the limit in force says, less those of a killed
worker's jobs until these start again, and none while the type is paused.
"""

from __future__ import annotations

import attrs
import pytest

from jobframe.project import load_project
from jobframe.store import policies
from jobframe.store.doctor import examine
from tests.faults.form import FULL
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, now_ns, tell
from tests.fleet.killer import killing
from tests.fleet.oracle import Limits, others_running, share_used, too_many
from tests.fleet.workers import until

TYPE = "work.other"
LIMIT = 3
CHANGES = {0.1: 1, 0.2: 6, 0.4: 2, 0.6: 8, 0.8: LIMIT}
"""Share of the jobs that have ended → the limit from then on; the last one is the first one again."""
PAUSES = (0.3, 0.7)
HITS = 2
"""So many kills meet a job at least; of those of any worker one in five does."""
BACK_WITHIN_S, OF_IDEAL = 20, 0.9


@attrs.frozen
class Storm:
    """
    How many jobs of what length on average in how many workers, and how often one of these is killed.

    Attributes:
        busy: 1 when only one that runs a job is killed, 0 when any is.
        most: How many kills there are at most.

    """

    jobs: int
    ms: int
    workers: int
    kill_every_s: float
    busy: int
    most: int


@attrs.frozen
class Pause:
    """From when to when the type was paused, and between which times of the server it surely was."""

    ns: tuple[int, int]
    server_us: tuple[int, int]


STORM = Storm(5_000, 100, 8, 5, busy=0, most=1_000) if FULL else Storm(500, 25, 4, 1, busy=1, most=2)
"""With leases of 12 s, killing one that runs a job every 5 s would leave next to no slot: all of them may be its."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_no_job_starts_above_the_limit_and_no_slot_leaks_while_workers_are_killed(fleet):
    limits, ledger = Limits(fleet.jobs.store.redis), fleet.ledger
    configure(fleet, LIMIT)
    await limits.change(LIMIT, lambda: fleet.start(STORM.workers))
    async with killing(fleet, STORM.kill_every_s, STORM.most, type=TYPE, at_least=STORM.busy) as kills:
        ids = await enqueue(fleet)
        pauses = await change_and_pause(fleet, limits)
        await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)

    held, counts = sum(len(kill.held) for kill in kills), await fleet.jobs.counts(TYPE)
    starts, runs = ledger.starts(), ledger.runs(TYPE)
    assert [] == too_many(runs, limits)
    assert [] == [run for run in runs for pause in pauses if pause.server_us[0] < run.fence < pause.server_us[1]]
    assert (STORM.jobs, 0, 0) == (counts["completed"], counts["failed"], counts["retried"]), "lost"
    assert set(ids) == set(starts)
    assert sum(bool(kill.running) for kill in kills) >= HITS
    assert held == counts["crashed"]
    assert starts.total() - len(starts) <= held
    judge_speed(ledger, runs, limits, kills, pauses)
    await all_slots_are_free(fleet)


def judge_speed(ledger, runs, limits, kills, pauses):
    back_s = [kill.back_after_s(ledger) for kill in kills if kill.held]
    lost = [
        (kill.ns, next(run.start for run in runs if run.job == job and run.start > kill.ns))
        for kill in kills
        for job in kill.held
    ]
    share = share_used(runs, limits, lost, [pause.ns for pause in pauses])
    most = max(others + 1 for run, others in others_running(runs) if limits.most(run) == LIMIT)
    tell(
        f"{len(back_s)} of {len(kills)} kills met {len(lost)} jobs, back after {max(back_s):.1f} s at most; "
        f"{share:.1%} of ideal; at most {most} at once while {LIMIT} may"
    )
    if FULL:
        assert max(back_s) <= BACK_WITHIN_S
        assert share >= OF_IDEAL


def configure(fleet, limit):
    fleet.configure(f'[jobs."{TYPE}"]\nconcurrency = {limit}', **RUNTIME)


async def enqueue(fleet):
    """Enqueue jobs of many lengths, so that their slots pass from worker to worker one by one; returns their ids."""
    lengths = [fleet.dice.randint(STORM.ms // 2, STORM.ms * 3 // 2) for _ in range(STORM.jobs)]
    return [handle.id for handle in await fleet.jobs.enqueue_many([(TYPE, {"do": "sleep", "n": n}) for n in lengths])]


async def change_and_pause(fleet, limits):
    """Change the limit and pause the type as the jobs end; returns the pauses."""
    pauses = []
    for share in sorted({*CHANGES, *PAUSES}):
        await until(lambda share=share: has_ended(fleet, share * STORM.jobs), f"{share:.0%} have ended", PATIENCE_S)
        if share in PAUSES:
            began = now_ns()
            await fleet.jobs.pause(TYPE)
            first = await server_us(fleet)
            await until(lambda: nothing_runs(fleet), "what ran has ended or was taken back", PATIENCE_S)
            last = await server_us(fleet)
            await fleet.jobs.resume(TYPE)
            pauses.append(Pause((began, now_ns()), (first, last)))
        else:
            await limits.change(CHANGES[share], lambda share=share: edit_and_apply(fleet, CHANGES[share]))
    return pauses


async def edit_and_apply(fleet, limit):
    """Do what ``jobframe apply`` does, in this process."""
    configure(fleet, limit)
    project = load_project(fleet.folder / "jobs.toml")
    policy = project.policies[TYPE].policy
    assert limit == policy.concurrency
    job_type = project.registry.catalog.types[TYPE]
    await policies.apply(fleet.jobs.store, [policies.document(job_type, policy, "tester")])


async def has_ended(fleet, count):
    return (await fleet.jobs.counts(TYPE))["completed"] >= count


async def nothing_runs(fleet):
    return not (await fleet.jobs.counts(TYPE))["active"]


async def server_us(fleet):
    seconds, micros = await fleet.jobs.store.redis.time()
    return seconds * 1_000_000 + micros


async def all_slots_are_free(fleet):
    """Nothing is held any more, and as many jobs run at once as the limit says."""
    assert {} == (await examine(fleet.jobs.store)).troubles
    assert 0 == (await fleet.jobs.counts(TYPE))["active"]
    held = await fleet.enqueue(5, TYPE, do="hold", text="slots")
    await until(lambda: sum(fleet.ledger.starts()[job] for job in held) == 3, "all three slots are used")
    counts = await fleet.jobs.counts(TYPE)
    assert (3, 2) == (counts["active"], counts["waiting"])
    fleet.ledger.open_gate("slots")
    await fleet.ended()
