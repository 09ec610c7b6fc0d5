"""A worker that is frozen beyond its lease: others take its jobs over, and it may say nothing more about them."""

from __future__ import annotations

import signal
import time

from jobframe.core.job import State
from jobframe.store.inspect import workers
from tests.fleet.workers import until


async def test_a_worker_that_wakes_after_its_lease_changes_nothing_and_joins_anew(fleet):
    fleet.configure('[jobs."work.other"]\nconcurrency = 1', lease="3s")
    (frozen,) = await fleet.start()
    ended = await fleet.enqueue(10, do="sleep", n=4000)  # over by the time it wakes
    thread = await fleet.enqueue(2, "work.thread", do="sleep", n=4000)
    held = await fleet.enqueue(1, "work.other", do="hold", text="held")
    jobs = [*ended, *thread, *held]
    await until(lambda: len(fleet.ledger.starts()) == len(jobs), "all jobs are in flight")
    frozen.signal(signal.SIGSTOP)
    (other,) = await fleet.start()
    await until(lambda: {2} == set(fleet.ledger.starts().values()), "the other took them over")
    fleet.ledger.open_gate("held")
    counts = await fleet.ended()
    before = [await (await fleet.jobs.job(job)).info() for job in jobs]
    frozen.signal(signal.SIGCONT)
    woken = time.monotonic_ns()
    await until(lambda: len(fleet.ledger.lines("end")) == 2 * len(jobs), "its handlers have ended")
    await until(lambda: "joining the fleet anew" in frozen.said(), "it was told")

    exclusive = [line.ns for line in fleet.ledger.lines("end", held[0]) if line.pid == frozen.pid]
    assert (exclusive[0] - woken) / 1e9 < 1
    assert before == [await (await fleet.jobs.job(job)).info() for job in jobs]
    assert {State.COMPLETED} == {info.state for info in before}
    assert counts == await fleet.jobs.counts()
    assert (len(jobs), len(jobs)) == (counts["completed"], counts["crashed"])

    await until(lambda: joined(fleet, 2), "it is a member again")
    other.signal()
    assert 0 == await other.exit_code()
    after = await fleet.enqueue(1)
    await fleet.ended()
    assert [frozen.pid] == [line.pid for line in fleet.ledger.lines("start", after[0])]


async def joined(fleet, count):
    """Whether as many workers are members."""
    return len(await workers(fleet.jobs.store)) == count
