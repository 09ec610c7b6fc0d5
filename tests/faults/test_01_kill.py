"""Row 01: kill -9 of a worker, again and again; nothing is lost, and nothing that was not in flight is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, TIMEOUT_S, in_seconds, nothing_left, tell
from tests.fleet.killer import kill_one
from tests.fleet.oracle import after_effects
from tests.fleet.workers import until

WORKERS, KILLS, EVERY_S = 4, load(20), 3
JOBS, MS = load(20_000), 20
EACH = JOBS // KILLS
"""Jobs between one kill and the next: some seconds of work would not last for all kills."""
PROFILES = {"12s": 20, "3s": 6} if FULL else {"3s": 20}
"""Lease → after how many seconds the last job of a killed worker may start again; the first is the default."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.mark.parametrize("lease", PROFILES)
async def test_nothing_is_lost_and_no_more_than_was_in_flight_is_repeated(fleet, lease):
    fleet.configure(max_jobs=10, lease=lease)
    await fleet.start(WORKERS)
    jobs, kills = [], []
    for kill in range(KILLS):
        jobs += await fleet.enqueue(EACH, do="effect", n=MS)
        await until(lambda kill=kill: completed(fleet, (kill + 0.3) * EACH), "work goes on", PATIENCE_S)
        kills.append(await kill_one(fleet, at_least=IN_FLIGHT))
        fleet.spawn()
        await asyncio.sleep(EVERY_S)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts, starts = await fleet.jobs.counts(), fleet.ledger.starts()

    back_s = [kill.back_after_s(fleet.ledger) for kill in kills]
    met = Counter(job for kill in kills for job in kill.held)
    unmarked, marked, spared = after_effects(fleet.ledger)
    tell(
        f"lease {lease}: {met.total()} in flight at {KILLS} kills, the last of each back after {in_seconds(back_s)}; "
        f"{starts.total() - len(starts)} ran again, {unmarked} with an effect that was done but not marked, "
        f"{marked} with one that was marked, and {spared} without that one"
    )
    assert (JOBS, 0, 0) == (counts["completed"], counts["failed"], counts["retried"])
    assert set(jobs) == set(starts) == {line.job for line in fleet.ledger.lines("end")}
    assert met.total() == counts["crashed"]
    assert starts - Counter(jobs) <= met
    assert 0 == marked
    assert spared or not FULL, "a kill met effects that were marked"
    assert unmarked <= sum(len(kill.running) for kill in kills)
    assert max(back_s) <= PROFILES[lease]


async def completed(fleet, count):
    return (await fleet.jobs.counts())["completed"] > count
