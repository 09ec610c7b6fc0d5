"""kill -9 of a worker: its jobs run again, soon, and once."""

from __future__ import annotations

import pytest

from tests.fleet.workers import until

IN_FLIGHT = 50
BACK_WITHIN_S = 20


@pytest.mark.parametrize("successor", ["another that is alive", "a fresh one"])
async def test_all_jobs_of_a_killed_worker_run_again_within_20_seconds(fleet, successor):
    (first,) = await fleet.start()
    await fleet.enqueue(IN_FLIGHT, do="hold", text="killed")
    await until(lambda: len(fleet.ledger.starts()) == IN_FLIGHT, "all jobs are in flight")
    if successor == "another that is alive":
        await fleet.start()
    fleet.kill(first)
    (killed,) = fleet.ledger.lines("kill")
    if successor == "a fresh one":
        fleet.spawn()
    await until(lambda: len(fleet.ledger.lines("start")) == 2 * IN_FLIGHT, "all jobs run again")
    fleet.ledger.open_gate("killed")
    counts = await fleet.ended()

    assert [2] * IN_FLIGHT == list(fleet.ledger.starts().values())
    last = max(run.start for run in fleet.ledger.runs())
    assert (last - killed.ns) / 1e9 < BACK_WITHIN_S
    assert (IN_FLIGHT, IN_FLIGHT, 0, 0) == tuple(counts[key] for key in ("completed", "crashed", "retried", "failed"))


async def test_a_job_that_kills_its_process_dies_alone_at_the_third_time_and_blames_nobody(fleet):
    fleet.configure(lease="3s")
    await fleet.start()
    neighbours = await fleet.enqueue(5, do="hold", text="calm")
    await until(lambda: len(fleet.ledger.starts()) == len(neighbours), "the neighbours are in flight")
    (pill,) = await fleet.enqueue(1, do="die", n=9)
    for n in (1, 2):
        await until(lambda n=n: fleet.ledger.starts()[pill] == n, f"death {n}")
        await fleet.workers[-1].exit_code()
        fleet.spawn()
    fleet.ledger.open_gate("calm")
    counts = await fleet.ended()

    info = await (await fleet.jobs.job(pill)).info()
    assert ("failed", 0, 3) == (info.state, info.attempts, info.crashes)
    assert "poison: its process died 3 times while it ran" == info.reason
    assert 3 == fleet.ledger.starts()[pill]
    assert (5, 1) == (counts["completed"], counts["failed"])
    crashes = [(await (await fleet.jobs.job(each)).info()).crashes for each in neighbours]
    assert [2] * 5 == crashes, "else nobody but the pill was a suspect"
    assert fleet.workers[-1].process.poll() is None
