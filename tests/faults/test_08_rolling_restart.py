"""Row 08: workers are restarted faster than a job can end; each restart costs interrupts, none an attempt."""

from __future__ import annotations

import asyncio
import time

import pytest

from jobframe.store import leases
from jobframe.store.inspect import workers
from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, TIMEOUT_S, in_seconds, nothing_left, tell
from tests.fleet.workers import until

RESTARTS = load(50)
EVERY_S, GRACE_S = (3.0, 1.0) if FULL else (0.5, 0.3)
WORK = {"do": "sleep", "n": 8_000} if FULL else {"do": "hold", "text": "calm"}
JOBS = {
    "work.loop": load(140),
    "work.thread": load(30),
    "work.process": load(10),
    "work.process_async": load(10),
    "work.batch": load(10),
}
SLOTS = sum(JOBS.values()) // 2

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_jobs_longer_than_a_worker_lives_are_given_back_each_time_and_end_when_it_is_calm(fleet):
    fleet.configure(grace=f"{GRACE_S * 1000:.0f}ms", max_jobs=SLOTS, children=2)
    await fleet.start(2)
    jobs = [job for name, count in JOBS.items() for job in await fleet.enqueue(count, name, **WORK)]
    hit, given_back_s = [], []
    for _ in range(RESTARTS):
        begun = time.monotonic()
        worker = fleet.workers[-2]
        await until(lambda pid=worker.pid: fleet.ledger.running_in(pid) >= IN_FLIGHT, "it runs jobs", PATIENCE_S)
        hit.append(fleet.ledger.running_in(worker.pid))
        given_back_s.append(await stop(fleet, worker) - GRACE_S)
        fleet.spawn()
        await asyncio.sleep(begun + EVERY_S - time.monotonic())
    fleet.ledger.open_gate("calm")
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts, starts = await fleet.jobs.counts(), fleet.ledger.starts()
    infos = {job: await (await fleet.jobs.job(job)).info() for job in jobs}
    repeated = starts.total() - len(starts)

    tell(
        f"{sum(hit)} jobs ran at {RESTARTS} signals, {repeated} ran again, {counts['interrupted']} interrupts; given "
        f"back after the grace within {in_seconds([max(given_back_s)])}"
    )
    assert (len(jobs), 0, 0, 0) == tuple(counts[name] for name in ("completed", "failed", "retried", "crashed"))
    assert {1} == {line.attempt for line in fleet.ledger.lines("start")}
    assert {(0, 0, ())} == {(info.attempts, info.crashes, info.errors) for info in infos.values()}
    assert repeated > RESTARTS, "the signals met jobs that could not end"
    assert set(jobs) == set(starts)
    assert [] == [job for job, info in infos.items() if info.interrupts < starts[job] - 1]
    assert repeated <= counts["interrupted"]
    if FULL:
        assert max(given_back_s) <= 1


async def stop(fleet, worker):
    """Ask a worker to stop; returns after how many seconds it held no job any more."""
    (name,) = [stats.worker for stats in await workers(fleet.jobs.store) if stats.member.pid == worker.pid]
    signalled = time.monotonic()
    worker.signal()
    await until(lambda: _holds_nothing(fleet, name), "it has given back all that it held")
    given_back = time.monotonic()
    assert 0 == await worker.exit_code(), worker.said()
    return given_back - signalled


async def _holds_nothing(fleet, name):
    return not await leases.held(fleet.jobs.store, name)
