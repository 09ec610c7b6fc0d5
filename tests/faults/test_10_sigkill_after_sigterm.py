"""Row 10: SIGTERM, and SIGKILL a second later, while every answer takes half a second; what was not told runs again."""

from __future__ import annotations

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, RUNTIME, TIMEOUT_S, midway, tell, under_load
from tests.fleet.killer import kill_one
from tests.fleet.producer import judge

JOBS = load(2_000)
KILLS = 5 if FULL else 1
SLOW_S = 0.5
MS = 1_500
"""A job is longer than a worker has between the signals."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_nothing_is_lost_by_a_worker_that_is_killed_while_it_stops(fleet, network):
    fleet.configure(**RUNTIME | {"max_jobs": 100})
    await fleet.start(2)
    network.slow_down(SLOW_S, SLOW_S)
    kills = []
    async with under_load(fleet, count=JOBS, n=MS) as producer:
        for kill in range(1, KILLS + 1):
            await midway(fleet, producer, kill * JOBS // (KILLS + 1))
            kills.append(await kill_one(fleet, at_least=IN_FLIGHT, sigterm_s=1))
            fleet.spawn()
    counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)
    in_flight = [len(kill.held) for kill in kills]

    tell(f"in flight at the kills: {in_flight}; {verdict.repeated} ran again; {network.slowed} answers came late")
    assert all(count >= IN_FLIGHT for count in in_flight)
    assert all("worker stopping" in _log_of(fleet, kill) for kill in kills), "it had heard SIGTERM"
    assert ([], set()) == (verdict.lost, verdict.uninvited)
    assert verdict.repeated <= sum(in_flight) == counts["crashed"]
    assert (0, 0) == (counts["retried"], counts["failed"])


def _log_of(fleet, kill):
    (worker,) = [each for each in fleet.workers if each.pid == kill.pid]
    return worker.said()
