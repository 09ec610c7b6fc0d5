"""``concurrency`` while workers are killed and the limit itself changes: judged by what the handlers wrote down."""

from __future__ import annotations

import attrs
import pytest

from jobframe.project import load_project
from jobframe.store import policies
from jobframe.store.doctor import examine
from tests.fleet.killer import killing
from tests.fleet.oracle import Limits, too_many
from tests.fleet.workers import until

TYPE = "work.other"
SLOTS = f'[jobs."{TYPE}"]\nconcurrency = {{}}'
CHANGES = {0.1: 1, 0.2: 6, 0.4: 2, 0.6: 8, 0.8: 3}
"""Share of the jobs that have ended → the limit from then on; the last one is the first one again."""
PAUSES = (0.3, 0.7)


@attrs.frozen
class Storm:
    """How many jobs of what length in how many workers, and how often one of these is killed: at least, at most."""

    jobs: int
    ms: int
    workers: int
    kill_every_s: float
    kills: tuple[int, int]


async def test_no_job_starts_above_the_limit_and_no_slot_leaks_in_a_small_storm(fleet):
    await weather(fleet, Storm(jobs=500, ms=25, workers=4, kill_every_s=1, kills=(2, 2)))


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_no_job_starts_above_the_limit_and_no_slot_leaks_in_a_storm(fleet):
    await weather(fleet, Storm(jobs=5_000, ms=25, workers=8, kill_every_s=5, kills=(5, 100)))


async def weather(fleet, storm):
    limits = Limits(fleet.jobs.store.redis)
    fleet.configure(SLOTS.format(3), lease="3s")
    await limits.change(3, lambda: fleet.start(storm.workers))
    async with killing(fleet, storm.kill_every_s, storm.kills[1], type=TYPE) as kills:
        ids = await fleet.enqueue(storm.jobs, TYPE, do="sleep", n=storm.ms)
        paused = await change_and_pause(fleet, storm, limits)
        counts = await until(lambda: all_ended(fleet), "every job has ended", 200)

    held = sum(len(kill.held) for kill in kills)
    starts, runs = fleet.ledger.starts(), fleet.ledger.runs(TYPE)
    assert [] == too_many(runs, limits)
    assert [] == [run for run in runs for first, last in paused if first < run.fence < last]
    assert (storm.jobs, 0, 0) == (counts["completed"], counts["failed"], counts["retried"]), "lost"
    assert set(ids) == set(starts)
    assert len(kills) >= storm.kills[0]
    assert held == counts["crashed"]
    assert starts.total() - len(starts) <= held
    await all_slots_are_free(fleet)


async def all_ended(fleet):
    counts = await fleet.jobs.counts(TYPE)
    return None if counts["waiting"] + counts["delayed"] + counts["active"] else counts


async def change_and_pause(fleet, storm, limits):
    """Change the limit and pause the type as the jobs end; returns when the type was surely paused, by the server."""
    paused = []
    for share in sorted({*CHANGES, *PAUSES}):
        await until(lambda share=share: has_ended(fleet, share * storm.jobs), f"{share:.0%} have ended", 100)
        if share in PAUSES:
            await fleet.jobs.pause(TYPE)
            first = await server_us(fleet)
            await until(lambda: nothing_runs(fleet), "what ran has ended or was taken back")
            paused.append((first, await server_us(fleet)))
            await fleet.jobs.resume(TYPE)
        else:
            await limits.change(CHANGES[share], lambda share=share: edit_and_apply(fleet, CHANGES[share]))
    return paused


async def edit_and_apply(fleet, limit):
    """Do what ``jobframe apply`` does, in this process."""
    fleet.configure(SLOTS.format(limit), lease="3s")
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
