"""The product's acceptance criteria, with workers as processes; that of re-embedding is proved with its own plugin."""

from __future__ import annotations

from itertools import pairwise

import aiohttp
import pytest

from jobframe.core.errors import JobFailed
from jobframe.core.job import State
from jobframe.status.server import StatusServer
from tests.fleet.workers import until

RETRIES = "GIVEN maxRetries=3, exponential WHEN it fails THEN attempts increment until success or failed with reason"
COUNTS = "GIVEN metrics endpoint request WHEN queue has jobs in multiple states THEN response includes per-state counts"
ONE = "GIVEN concurrency=1 for a job type WHEN two jobs submitted concurrently THEN second waits until first completes"
EXPONENTIAL = """
[jobs."{0}"]
max_retries = 3
backoff = {{ strategy = "exponential", base = "50ms", jitter = "none" }}
"""


@pytest.mark.requirement("R-014", RETRIES)
@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_a_transient_failure_is_retried_with_growing_waits_until_it_succeeds(fleet, type_name):
    fleet.configure(EXPONENTIAL.format(type_name))
    await fleet.start()
    handle = await fleet.jobs.enqueue(type_name, {"do": "flaky", "n": 3})

    assert 4 == await handle.result(timeout=30)
    runs = fleet.ledger.runs(handle.id)
    waits_ms = [(after.start - before.end) / 1e6 for before, after in pairwise(runs)]
    assert [1, 2, 3, 4] == [run.attempt for run in runs]
    assert all(wait >= least for wait, least in zip(waits_ms, (50, 100, 200), strict=True)), waits_ms
    info, counts = await handle.info(), await fleet.jobs.counts(type_name)
    assert (State.COMPLETED, 3) == (info.state, info.attempts)
    assert (1, 3, 0) == (counts["completed"], counts["retried"], counts["failed"])
    assert ["attempt 1", "attempt 2", "attempt 3"] == [error.message for error in info.errors]


@pytest.mark.requirement("R-014", RETRIES)
@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_a_lasting_failure_ends_as_failed_with_a_reason(fleet, type_name):
    fleet.configure(EXPONENTIAL.format(type_name))
    await fleet.start()
    handle = await fleet.jobs.enqueue(type_name, {"do": "flaky", "n": 99})

    with pytest.raises(JobFailed, match="exhausted: 4 of 4 attempts failed, the last with ConnectionError"):
        await handle.result(timeout=30)
    info, counts = await handle.info(), await fleet.jobs.counts(type_name)
    assert (State.FAILED, 4, {handle.id: 4}) == (info.state, info.attempts, fleet.ledger.starts())
    assert (3, 1) == (counts["retried"], counts["failed"])


@pytest.mark.requirement("R-014", COUNTS)
async def test_metrics_count_the_jobs_of_every_state(fleet):
    fleet.configure('[jobs."work.loop"]\nconcurrency = 2\nmax_retries = 0')
    await fleet.start()
    jobs, store = fleet.jobs, fleet.jobs.store
    for work in [{"do": "answer"}] * 3 + [{"do": "fail", "text": "no"}] * 4:
        await jobs.enqueue("work.loop", work)
    await fleet.ended()
    await fleet.enqueue(7, do="hold", text="metrics")
    for _ in range(6):
        await jobs.enqueue("work.loop", delay="1h")
    cancelled = await jobs.enqueue("work.loop", delay="1h")
    await cancelled.cancel()
    parked = await jobs.enqueue("work.other", id="odd", delay="100ms")
    await store.redis.hset(store.keys.payload("work.other"), "odd", "1" * 13 + "\nnonsense")
    await until(lambda: is_in(parked, State.PARKED), "unreadable bytes are parked")
    await until(lambda: len(fleet.ledger.lines("tick")) and len(fleet.ledger.runs()) == 9, "two are active")
    wanted = {"active": 2, "waiting": 5, "delayed": 6, "failed": 4, "parked": 1, "completed": 3, "cancelled": 1}

    server = StatusServer(fleet.url, fleet.namespace, port=0)
    server.start()
    try:
        async with aiohttp.ClientSession() as web, web.get(f"{server.address}/metrics") as answer:
            metrics = await answer.json()
    finally:
        server.stop()
    assert wanted == {state: metrics["jobs"][state] for state in wanted}
    assert (2, 2) == (metrics["types"]["work.loop"]["limit"], metrics["types"]["work.loop"]["in_use"])
    assert {"alive": 1, "stale": 0} == metrics["workers"]
    assert metrics["types"]["work.loop"]["wait_p95_ms"] is not None


async def is_in(handle, state):
    """Whether a job is in that state."""
    return state == await handle.status()


@pytest.mark.requirement("R-014", ONE)
@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_with_concurrency_1_and_two_workers_the_second_job_starts_after_the_first_ends(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nconcurrency = 1')
    await fleet.start(2)
    await fleet.enqueue(8, type_name, do="sleep", n=60)
    await fleet.ended()

    runs = fleet.ledger.runs(type_name)
    assert 8 == len(runs)
    assert all(before.end <= after.start for before, after in pairwise(runs))


@pytest.mark.requirement("R-014", ONE)
@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_with_concurrency_1_the_second_job_also_waits_for_one_whose_worker_was_killed(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nconcurrency = 1', lease="3s")
    first, second = await fleet.start(2)
    jobs = await fleet.enqueue(2, type_name, do="hold", text="killed")
    await until(lambda: len(fleet.ledger.lines("tick")) > 1, "the first runs")
    (line,) = fleet.ledger.lines("start")
    victim = first if first.pid in (line.pid, line.parent) else second
    fleet.kill(victim)
    await until(lambda: len(fleet.ledger.lines("start")) == 2, "a job runs again")
    fleet.ledger.open_gate("killed")
    await fleet.ended()

    runs = fleet.ledger.runs(type_name)
    last_sign = max(line.ns for line in fleet.ledger.lines("tick") if line.pid == runs[0].pid)
    assert last_sign < runs[1].start, "also a child has ended with its worker"
    assert 1 == fleet.ledger.most_at_once(type_name)
    assert {jobs[0]: 2, jobs[1]: 1} == fleet.ledger.starts()
