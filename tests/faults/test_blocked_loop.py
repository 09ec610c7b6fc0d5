"""A handler that blocks the event loop: within its timeout nothing happens, beyond it the process ends in order."""

import asyncio
import signal

from jobframe.runtime.watchdog import EXIT_CODE
from tests.fleet.workers import until

NEIGHBOURS = 5


async def test_a_loop_blocked_for_longer_than_the_lease_loses_no_job(fleet):
    """The lease is renewed from a thread outside the loop; the job's own timeout has not passed."""
    fleet.configure(lease="3s")
    await fleet.start(2)
    (job,) = await fleet.enqueue(1, do="block", n=8_000)
    counts = await fleet.ended()

    assert {job: 1} == fleet.ledger.starts()
    assert (1, 0, 0) == (counts["completed"], counts["crashed"], counts["interrupted"])


async def test_a_job_that_blocks_beyond_its_timeout_has_timed_out_and_the_others_are_given_back(fleet):
    fleet.configure('[jobs."work.other"]\ntimeout = "1s"\nmax_retries = 0', lease="60s")
    (first,) = await fleet.start()
    neighbours = await fleet.enqueue(NEIGHBOURS, do="hold", text="over")
    await until(lambda: len(fleet.ledger.starts()) == NEIGHBOURS, "the neighbours run")
    blocking = await fleet.jobs.enqueue("work.other", {"do": "block", "n": 600_000})
    code = await first.exit_code()
    assert "the event loop is blocked beyond the timeout of a job" in first.said()
    fleet.workers.remove(first)  # it need not go on
    await fleet.start()
    fleet.ledger.open_gate("over")
    counts = await fleet.ended()

    assert EXIT_CODE == code
    info = await blocking.info()
    assert ("failed", 1, 0) == (info.state, info.attempts, info.crashes)
    assert [("TimeoutError", "over its timeout of 1s")] == [(each.error, each.message) for each in info.errors]
    others = [await (await fleet.jobs.job(each)).info() for each in neighbours]
    assert [(0, 0, 1)] * NEIGHBOURS == [(each.attempts, each.crashes, each.interrupts) for each in others]
    assert (NEIGHBOURS, 0) == (counts["completed"], counts["crashed"])


async def test_after_a_freeze_a_busy_loop_that_still_turns_ends_no_process(fleet):
    """The watchdog must ask again after a time in which neither it nor the loop could do anything."""
    fleet.configure('[jobs."work.other"]\ntimeout = "1s"\nmax_retries = 0', lease="60s")
    (worker,) = await fleet.start()
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(3)  # longer than the watchdog waits for an answer
    worker.signal(signal.SIGCONT)
    handle = await fleet.jobs.enqueue("work.other", {"do": "spin", "n": 8_000})
    await fleet.ended()

    info = await handle.info()
    assert ("failed", ["TimeoutError"]) == (info.state, [each.error for each in info.errors])
    assert "on" == await (await fleet.jobs.enqueue("work.loop", {"text": "on"})).result(timeout=20)
