"""At full speed, with 100 jobs in every worker's hands, a kill loses nothing and repeats no more than was in flight."""

from __future__ import annotations

from tests.fleet.killer import kill_one
from tests.fleet.workers import until

JOBS, MAX_JOBS = 20_000, 100


async def test_workers_at_full_speed_are_killed_and_every_job_runs(fleet):
    fleet.configure(lease="3s", max_jobs=MAX_JOBS)
    await fleet.start(2)
    await fleet.jobs.pause("work.loop")
    await fleet.enqueue(JOBS, do="sleep", n=1)
    await fleet.jobs.resume("work.loop")
    for share in (0.2, 0.5):
        await until(lambda share=share: done(fleet) > share * JOBS, "full speed")
        await kill_one(fleet, at_least=20)
        fleet.spawn()
    counts = await fleet.ended()

    starts = fleet.ledger.starts()
    assert (JOBS, 0, 0) == (counts["completed"], counts["failed"], counts["retried"])
    assert JOBS == len(starts)
    assert starts.total() - len(starts) <= 2 * MAX_JOBS
    assert 0 < counts["crashed"] <= 2 * MAX_JOBS


def done(fleet):
    return len(fleet.ledger.lines("end"))
