"""Row 33: for long every answer takes a third of a second: no lease is lost, no job runs twice or fails for it."""

from __future__ import annotations

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.workers import until

JOBS = load(2_000)
JOB_MS, LONG_MS = (2_000, 30_000) if FULL else (500, 7_000)
AS_FAST_AS_NORMAL = 0.5
EXCLUSIVE = '[jobs."work.other"]\nconcurrency = 20'

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_no_lease_is_lost_while_every_answer_takes_a_third_of_a_second(fleet, network):
    fleet.configure(EXCLUSIVE, **RUNTIME)
    await fleet.start(2)
    normal = await _throughput(fleet, JOBS // 4)
    network.slow_down(0.1, 0.5)
    long = await fleet.enqueue(IN_FLIGHT, do="sleep", n=LONG_MS)  # more than two leases
    long += await fleet.enqueue(IN_FLIGHT, "work.other", do="sleep", n=LONG_MS)
    slow = await _throughput(fleet, JOBS)
    counts, starts = await fleet.jobs.counts(), fleet.ledger.starts()

    tell(
        f"{slow:.1f} jobs a second, {normal:.1f} without delay; {network.slowed} answers came late; "
        f"{network.accepted} connections"
    )
    assert network.slowed > 20
    assert not FULL or slow >= AS_FAST_AS_NORMAL * normal
    total = len(long) + JOBS + JOBS // 4
    assert (total, {1}) == (len(starts), set(starts.values()))
    assert (total, 0, 0, 0) == tuple(counts[name] for name in ("completed", "retried", "crashed", "interrupted"))


async def _throughput(fleet, count):
    """Have so many jobs run, each tenth marking steps through the store; returns how many a second did."""
    jobs = await fleet.enqueue(count // 10, do="once", text="first second")
    jobs += await fleet.enqueue(count - count // 10, do="sleep", n=JOB_MS)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    runs = [run for run in fleet.ledger.runs() if run.job in set(jobs)]
    return count / (max(run.end for run in runs) - min(run.start for run in runs)) * 1e9
