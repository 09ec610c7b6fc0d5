"""Row 05: a handler blocks the event loop: within its timeout nothing happens, beyond it the process ends in order."""

from __future__ import annotations

import asyncio
import signal

import pytest

from jobframe.runtime.watchdog import EXIT_CODE
from tests.faults.form import FULL, load
from tests.faults.readyz import Health
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, now_ns, tell
from tests.fleet.workers import until

BLOCKING, NORMAL = load(20), load(200)
BLOCKED_MS = 60_000 if FULL else 8_000
TIMEOUT_BLOCKED_S = 10 if FULL else 1
ENDED_WITHIN_S = 5
BLOCKERS, OTHERS = (10, 2) if FULL else (2, 1)
ONE_EACH = '[status]\nport = 0\n[jobs."work.other"]\nper_worker = 1\n'

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_loop_blocked_for_longer_than_the_lease_loses_no_job_and_health_says_so(fleet):
    """The lease is renewed from a thread outside the loop; the job's own timeout has not passed."""
    fleet.configure(f'{ONE_EACH}timeout = "90s"', **RUNTIME)
    blocked, *_ = await fleet.start(BLOCKERS, "--type", "work.other", status=True)
    await fleet.start(OTHERS, "--type", "work.loop")
    jobs = await fleet.enqueue(BLOCKING, "work.other", do="block", n=BLOCKED_MS)
    jobs += await fleet.enqueue(NORMAL, do="sleep", n=50)
    await until(lambda: blocked.pid in {line.pid for line in fleet.ledger.lines("start")}, "it is blocked")
    began_ns = now_ns()
    await Health(blocked).flips(503, loop="event loop blocked for")
    tell(f"health said so after {(now_ns() - began_ns) / 1e9:.1f} s of {BLOCKED_MS / 1000:.0f} s")
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts = await fleet.jobs.counts()

    assert dict.fromkeys(jobs, 1) == fleet.ledger.starts()
    assert all(run.end - run.start >= BLOCKED_MS * 1e6 for run in fleet.ledger.runs("work.other"))
    assert (len(jobs), 0, 0) == tuple(counts[name] for name in ("completed", "crashed", "interrupted"))


async def test_a_job_that_blocks_beyond_its_timeout_has_timed_out_and_the_others_are_given_back(fleet):
    fleet.configure(f'{ONE_EACH}timeout = "{TIMEOUT_BLOCKED_S}s"\nmax_retries = 0', **RUNTIME)
    workers = min(BLOCKERS, BLOCKING)
    await fleet.start(workers)
    neighbours = await fleet.enqueue(workers * IN_FLIGHT, do="hold", text="over")
    await until(lambda: len(fleet.ledger.starts()) == len(neighbours), "the neighbours run")
    others = await fleet.start(OTHERS, "--type", "work.loop")
    blocking = await fleet.enqueue(BLOCKING, "work.other", do="block", n=600_000)
    normal = await fleet.enqueue(NORMAL, do="sleep", n=50)
    ended_ns = await _supervise(fleet, BLOCKING)
    fleet.ledger.open_gate("over")
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    took_s = [(ended_ns[run.pid] - run.start) / 1e9 for run in fleet.ledger.runs("work.other")]
    infos = {job: await (await fleet.jobs.job(job)).info() for job in [*blocking, *neighbours, *normal]}
    starts = fleet.ledger.starts()

    interrupts = sum(infos[job].interrupts for job in neighbours)
    tell(f"blocked processes ended {max(took_s):.1f} s after the start at most; {interrupts} neighbours given back")
    assert BLOCKING == len(took_s) == len(ended_ns)
    assert [None] * OTHERS == [other.process.poll() for other in others]
    assert not FULL or max(took_s) <= TIMEOUT_BLOCKED_S + ENDED_WITHIN_S
    for job in blocking:
        info = infos[job]
        assert ("failed", 1, 0) == (info.state, info.attempts, info.crashes)
        assert [("TimeoutError", f"over its timeout of {TIMEOUT_BLOCKED_S}s")] == [
            (each.error, each.message) for each in info.errors
        ]
    for job in [*neighbours, *normal]:
        info = infos[job]
        assert ("completed", 0, 0) == (info.state, info.attempts, info.crashes)
        assert 1 <= starts[job] <= info.interrupts + 1, "one that was claimed may be given back unstarted"
    assert interrupts >= IN_FLIGHT


async def _supervise(fleet, ends):
    """Start another worker in place of each that has ended by its own hand; returns when those ended."""
    ended_ns = {}

    def all_ended():
        for worker in [each for each in fleet.workers if each.pid not in ended_ns]:
            if worker.process.poll() is not None:
                assert EXIT_CODE == worker.process.returncode
                assert "the event loop is blocked beyond the timeout of a job" in worker.said()
                ended_ns[worker.pid] = now_ns()
                fleet.spawn()
        return len(ended_ns) >= ends

    await until(all_ended, "each has ended its process", PATIENCE_S)
    return ended_ns


async def test_after_a_freeze_a_busy_loop_that_still_turns_ends_no_process(fleet):
    """The watchdog must ask again after a time in which neither it nor the loop could do anything."""
    fleet.configure('[jobs."work.other"]\ntimeout = "1s"\nmax_retries = 0', lease="60s")
    (worker,) = await fleet.start()
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(3)  # longer than the watchdog waits for an answer
    worker.signal(signal.SIGCONT)
    handle = await fleet.jobs.enqueue("work.other", {"do": "spin", "n": 6_000})
    await fleet.ended()

    info = await handle.info()
    assert ("failed", ["TimeoutError"]) == (info.state, [each.error for each in info.errors])
    assert "on" == await (await fleet.jobs.enqueue("work.loop", {"text": "on"})).result(timeout=20)
