"""Row 04: a worker is frozen beyond its lease and wakes: others have its jobs, and it may say nothing more of them."""

from __future__ import annotations

import asyncio
import signal

import pytest

from jobframe.core.job import State
from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, joined, nothing_left, now_ns, tell
from tests.fleet.workers import until

JOBS = load(500)
JOB_MS, LONG_MS = (5_000, 40_000) if FULL else (1_500, 5_000)
FROZEN_S = 45
CANCELLED_WITHIN_S = 1 if FULL else 3  # the lease of the small form
EXCLUSIVE = '[jobs."work.other"]\nconcurrency = 20'

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_worker_that_wakes_after_its_lease_changes_nothing_and_joins_anew(fleet):
    fleet.configure(EXCLUSIVE, **RUNTIME)
    (frozen,) = await fleet.start()
    exclusive = await fleet.enqueue(IN_FLIGHT, "work.other", do="hold", text="held")
    thread = await fleet.enqueue(2, "work.thread", do="hold", text="held")
    long = await fleet.enqueue(IN_FLIGHT, do="sleep", n=LONG_MS)  # over here by the time it wakes, not elsewhere
    short = await fleet.enqueue(IN_FLIGHT, do="sleep", n=JOB_MS)  # over elsewhere too
    taken_over = [*exclusive, *thread, *long, *short]
    await until(lambda: fleet.ledger.starts().keys() == set(taken_over), "all are in flight")
    frozen.freeze()
    frozen_ns = now_ns()
    others = await fleet.start(2)
    rest = await fleet.enqueue(JOBS // 2, do="sleep", n=JOB_MS)
    rest += await fleet.enqueue(JOBS - JOBS // 2, "work.other", do="sleep", n=JOB_MS)
    await until(lambda: _second_runs(fleet, taken_over, short), "others took all over", PATIENCE_S)
    await asyncio.sleep((FROZEN_S if FULL else LONG_MS / 1000) - (now_ns() - frozen_ns) / 1e9)
    before = [await _info(fleet, job) for job in taken_over]
    woken_ns = now_ns()
    frozen.signal(signal.SIGCONT)
    await until(lambda: "joining the fleet anew" in frozen.said(), "it was told")
    await until(lambda: len(_ends(fleet, frozen, [*exclusive, *long, *short])) == 3 * IN_FLIGHT, "its handlers ended")
    await until(lambda: joined(fleet, 3), "it is a member again")
    cancelled_s = [(line.ns - woken_ns) / 1e9 for line in _ends(fleet, frozen, exclusive)]

    refused = frozen.said().count("outcome refused")
    tell(
        f"frozen for {(woken_ns - frozen_ns) / 1e9:.1f} s; exclusive ones stopped after {max(cancelled_s):.3f} s; "
        f"{refused} outcomes refused"
    )
    assert 0 < min(cancelled_s)
    assert max(cancelled_s) < CANCELLED_WITHIN_S
    assert before == [await _info(fleet, job) for job in taken_over]
    expected = dict.fromkeys([*exclusive, *thread, *long], State.ACTIVE) | dict.fromkeys(short, State.COMPLETED)
    assert list(expected.values()) == [info.state for info in before]

    fleet.ledger.open_gate("held")
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts, total = await fleet.jobs.counts(), len(taken_over) + len(rest)
    assert dict.fromkeys(taken_over, 2) | dict.fromkeys(rest, 1) == fleet.ledger.starts()
    assert (total, len(taken_over)) == (counts["completed"], counts["crashed"])
    assert (0, 0, 0) == tuple(counts[name] for name in ("retried", "failed", "interrupted"))

    for other in others:
        other.signal()
        assert 0 == await other.exit_code()
    after = await fleet.enqueue(1)
    await fleet.ended()
    assert [frozen.pid] == [line.pid for line in fleet.ledger.lines("start", after[0])]


def _second_runs(fleet, taken_over, short):
    """Whether each job has started elsewhere, and the short ones have ended there."""
    starts, ends = fleet.ledger.starts(), {line.job for line in fleet.ledger.lines("end")}
    return {2} == {starts[job] for job in taken_over} and ends >= set(short)


def _ends(fleet, worker, jobs):
    return [line for line in fleet.ledger.lines("end") if line.pid == worker.pid and line.job in jobs]


async def _info(fleet, job):
    return await (await fleet.jobs.job(job)).info()
