"""Row 09: workers are asked to stop under load; they claim nothing more, end what they run, and are gone in time."""

from __future__ import annotations

import time
from contextlib import aclosing

import pytest

from jobframe.core.job import State
from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, TIMEOUT_S, in_seconds, nothing_left, tell
from tests.fleet.workers import until
from tests.proxy import Proxy

GRACE_S = 10
JOBS = {
    "work.loop": load(4_400),
    "work.thread": load(300),
    "work.process": load(100),
    "work.process_async": load(100),
    "work.batch": load(100),
}
STOPS, SLOTS = (5, 100) if FULL else (2, 40)
CHILDREN = 2

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_what_runs_at_the_signal_ends_within_the_grace_and_nothing_is_claimed_after_it(fleet):
    fleet.configure(grace=f"{GRACE_S}s", max_jobs=SLOTS, children=CHILDREN)
    await fleet.start(2)
    jobs = await boot_children(fleet)
    jobs += [job for name, count in JOBS.items() for job in await fleet.enqueue(count, name, do="sleep", n=1_000)]
    hit, gone_s = [], []
    for stop in range(1, STOPS + 1):
        share = stop * len(jobs) // (STOPS + 2)
        await until(lambda share=share: len(fleet.ledger.lines("end")) >= share, f"{share} have ended", PATIENCE_S)
        worker = fleet.workers[-2]
        await until(lambda pid=worker.pid: fleet.ledger.running_in(pid) >= IN_FLIGHT, "it runs jobs", PATIENCE_S)
        hit.append(fleet.ledger.running_in(worker.pid))
        signalled = time.monotonic()
        heard_us = await stop_claiming(fleet, worker)
        assert (await fleet.jobs.counts())["waiting"] > 0, "there is more to claim"
        assert 0 == await worker.exit_code(), worker.said()
        gone_s.append(time.monotonic() - signalled)
        assert 0 == fleet.ledger.running_in(worker.pid)
        assert [] == [line for line in fleet.ledger.starts_in(worker.pid) if line.fence > heard_us]
        fleet.spawn()
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts = await fleet.jobs.counts()

    tell(f"{hit} jobs ran at the signals, gone after {in_seconds(gone_s)}; {counts['interrupted']} claimed too late")
    assert dict.fromkeys(jobs, 1) == fleet.ledger.starts()
    assert (len(jobs), 0, 0, 0) == tuple(counts[name] for name in ("completed", "failed", "retried", "crashed"))
    if FULL:
        assert max(gone_s) <= GRACE_S + 1


async def test_what_is_claimed_as_the_signal_comes_goes_back_to_its_place_before_the_grace_is_over(fleet):
    async with aclosing(Proxy(fleet.url.removeprefix("unix://"))) as network:
        worker = await start_behind(fleet, network)
        (running,) = await fleet.enqueue(1, do="hold", text="grace")
        await until(lambda: fleet.ledger.starts()[running], "it runs")
        late, due_ms = await claimed_unheard(fleet, network)
        await stop_claiming(fleet, worker)
        network.release()
        await until(lambda: _active(fleet, 1), "it is given back")
        info = await late.info()
        fleet.ledger.open_gate("grace")

        assert 0 == await worker.exit_code(), worker.said()
        assert (State.WAITING, 0, due_ms) == (info.state, info.attempts, info.due_ms)
        assert {running: 1} == fleet.ledger.starts()
        assert 1 == (await fleet.jobs.counts())["completed"]


async def test_what_is_claimed_as_a_worker_leaves_is_given_back_by_its_leaving_alone(fleet):
    async with aclosing(Proxy(fleet.url.removeprefix("unix://"))) as network:
        worker = await start_behind(fleet, network)
        late, due_ms = await claimed_unheard(fleet, network)
        worker.signal()
        await until(lambda: _active(fleet, 0), "it has left, and does not know yet")
        network.release()

        assert 0 == await worker.exit_code(), worker.said()
        info = await late.info()
        assert (State.WAITING, 1, due_ms) == (info.state, info.interrupts, info.due_ms)
        assert "outcome refused" not in worker.said()


async def boot_children(fleet):
    """Have every child up, which may take longer than a grace; returns the jobs that this took."""
    jobs = await fleet.enqueue(2 * CHILDREN, "work.process", do="hold", text="up")
    await until(lambda: len(fleet.ledger.starts()) == len(jobs), "all children are up", PATIENCE_S)
    fleet.ledger.open_gate("up")
    return jobs


async def start_behind(fleet, network):
    """Start a worker behind a network, with patience."""
    await network.accept()
    fleet.url = network.url
    fleet.configure(grace="10m", lease="2m")
    (worker,) = await fleet.start()
    return worker


async def claimed_unheard(fleet, network):
    """Return a job that the server has given to the worker, which has not heard of it, and when the job was due."""
    running = (await fleet.jobs.counts())["active"]
    await fleet.jobs.pause("work.other")
    late = await fleet.jobs.enqueue("work.other", {})
    due_ms = (await late.info()).due_ms
    network.hold()
    await fleet.jobs.resume("work.other")
    await until(lambda: _active(fleet, running + 1), "it is claimed")
    return late, due_ms


async def stop_claiming(fleet, worker):
    """Ask a worker to stop; returns the server's clock, in microseconds, when it has heard: a fence is such a time."""
    worker.signal()
    await until(lambda: "worker stopping" in worker.said(), "it has heard")
    seconds, micros = await fleet.jobs.store.redis.time()
    return seconds * 1_000_000 + micros


async def _active(fleet, count):
    return (await fleet.jobs.counts())["active"] == count
