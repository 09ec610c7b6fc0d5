"""SIGTERM finishes what it can and gives back the rest, a second one gives back at once; neither uses an attempt."""

from __future__ import annotations

import asyncio
import time

import pytest

from jobframe.core.job import State
from tests.fleet.workers import until

HELD = {"work.loop": 20, "work.thread": 5, "work.process": 2, "work.process_async": 2}


async def hold_everywhere(fleet):
    """Enqueue jobs that do not end, wherever handlers run, and wait until they all run."""
    jobs = {name: await fleet.enqueue(count, name, do="hold", text="given-back") for name, count in HELD.items()}
    await until(lambda: len(fleet.ledger.starts()) == sum(HELD.values()), "all jobs are held")
    return jobs


async def given_back(fleet, jobs):
    """Assert that these jobs have used nothing but an interrupt."""
    for name, ids in jobs.items():
        for job in ids:
            info = await (await fleet.jobs.job(job)).info()
            assert (0, 0, 1, ()) == (info.attempts, info.crashes, info.interrupts, info.errors), name
            assert info.state in (State.WAITING, State.DELAYED)
    counts = await fleet.jobs.counts()
    assert (0, 0, 0) == (counts["active"], counts["retried"], counts["crashed"])


async def run_again(fleet, jobs):
    """Assert that another worker runs each of these jobs to its end."""
    await fleet.start()
    fleet.ledger.open_gate("given-back")
    counts = await fleet.ended()

    ids = [job for same in jobs.values() for job in same]
    assert dict.fromkeys(ids, 2) == {job: fleet.ledger.starts()[job] for job in ids}
    assert 0 == counts["failed"]
    return counts


async def test_sigterm_lets_jobs_end_and_gives_back_the_rest(fleet):
    fleet.configure(grace="2s", children=4)
    (worker,) = await fleet.start()
    held = await hold_everywhere(fleet)
    short = [
        job for name in HELD for job in await fleet.enqueue(0 if "process" in name else 10, name, do="sleep", n=700)
    ]
    await until(lambda: all(fleet.ledger.starts()[job] for job in short), "the short jobs run")
    signalled = time.monotonic()
    worker.signal()

    assert 0 == await worker.exit_code(), worker.said()
    assert time.monotonic() - signalled < 12
    assert {State.COMPLETED} == {await (await fleet.jobs.job(job)).status() for job in short}
    assert sum(HELD.values()) == (await fleet.jobs.counts())["interrupted"]
    await given_back(fleet, held)
    counts = await run_again(fleet, held)
    assert len(short) + sum(HELD.values()) == counts["completed"]


async def test_a_second_signal_gives_everything_back_at_once(fleet):
    fleet.configure(grace="10m", children=4)
    (worker,) = await fleet.start()
    held = await hold_everywhere(fleet)
    signalled = time.monotonic()
    while "worker stopped" not in worker.said() and time.monotonic() - signalled < 15:
        worker.signal()
        await asyncio.sleep(0.3)  # two signals at once may reach a process as one

    assert 0 == await worker.exit_code(5), worker.said()
    await given_back(fleet, held)
    await run_again(fleet, held)


async def test_a_worker_that_stops_alone_leaves_no_trace_in_the_fleet(fleet):
    (worker,) = await fleet.start()
    worker.signal()

    assert 0 == await worker.exit_code()
    keys = [key.decode() for key in await fleet.jobs.store.redis.keys("*held*")]
    assert ([], 0) == (keys, await fleet.jobs.store.redis.zcard(fleet.jobs.store.keys.workers))


@pytest.mark.parametrize("type_name", ["work.loop", "work.process"])
async def test_a_limit_holds_while_one_worker_drains_and_another_goes_on(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nconcurrency = 1', grace="1s")
    first, _ = await fleet.start(2)
    await fleet.enqueue(3, type_name, do="hold", text="drain")
    await until(lambda: fleet.ledger.lines("tick"), "the first runs")
    (run,) = fleet.ledger.runs()
    running_in = {run.pid, *(line.parent for line in fleet.ledger.lines("start"))}
    for worker in fleet.workers:
        if worker.pid in running_in:
            worker.signal()
            assert 0 == await worker.exit_code()
    fleet.ledger.open_gate("drain")
    await fleet.ended()

    assert first.process is not None
    assert 1 == fleet.ledger.most_at_once(type_name)
    assert 4 == len(fleet.ledger.lines("start"))
