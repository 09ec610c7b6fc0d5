"""A short storm: random workers are killed under load, and the ledger must balance."""

from __future__ import annotations

from tests.fleet.killer import kill_one
from tests.fleet.workers import until

WORKERS, KILLS, LIMIT = 3, 4, 3
JOBS = {"work.loop": 500, "work.other": 150, "work.thread": 100}


async def test_nothing_is_lost_and_no_limit_is_broken_while_workers_are_killed(fleet):
    fleet.configure(f'[jobs."work.other"]\nconcurrency = {LIMIT}', lease="3s", max_jobs=12, threads=4)
    await fleet.start(WORKERS)
    for name, count in JOBS.items():
        await fleet.enqueue(count, name, do="sleep", n=100)
    in_flight = 0
    for kill in range(1, KILLS + 1):
        done = len(fleet.ledger.lines("end"))
        await until(lambda done=done: len(fleet.ledger.lines("end")) > done + 60, f"work goes on before kill {kill}")
        in_flight += len((await kill_one(fleet, at_least=6)).held)
        fleet.spawn()
    counts = await fleet.ended()

    starts = fleet.ledger.starts()
    assert (sum(JOBS.values()), 0) == (counts["completed"], counts["failed"]), "lost"
    assert sum(JOBS.values()) == len(starts)
    assert starts.total() - len(starts) <= in_flight
    assert in_flight == counts["crashed"]
    assert LIMIT == fleet.ledger.most_at_once("work.other")
    assert 0 == counts["retried"]
