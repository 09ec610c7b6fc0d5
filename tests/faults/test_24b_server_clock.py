"""Row 24b: the server's clock is set back by an hour, then ahead by two; jobs, leases, rates and schedules go on."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, now_ns, tell
from tests.fleet.fixtures import fleet_at
from tests.fleet.workers import until

JOBS = max(load(300), 60)
HOUR_S = 3_600
EVERY_S = 2
LONGEST_S = 20
RATED = "work.thread"
TABLES = f"""
[jobs."{RATED}"]
rate_limit = "20/s"
[schedules.often]
job = "work.other"
every = "{EVERY_S}s"
overlap = "allow"
"""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_jobs_that_wait_or_lose_their_worker_go_on_and_no_rate_or_schedule_stalls(
    make_clock, make_server, namespace, tmp_path, monkeypatch
):
    clock = make_clock("server")
    with clock.read():
        server = make_server({"appendonly": "yes"})
    async with fleet_at(server.url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure(TABLES, durability="aof", **RUNTIME)
        await fleet.start(2)
        for ahead_s in (-HOUR_S, HOUR_S):
            back_s, stall_s = await _set_and_kill(fleet, clock, ahead_s)
            tell(
                f"{ahead_s:+} s: all jobs of the killed worker ran again after {back_s:.2f} s, "
                f"no waiting job started for {stall_s:.2f} s at most"
            )
            if FULL:
                assert max(back_s, stall_s) <= LONGEST_S
        counts = {name: await fleet.jobs.counts(name) for name in ("work.loop", RATED)}

    expected = {"work.loop": 2 * (JOBS + 2 * IN_FLIGHT), RATED: 4 * JOBS}
    assert expected == {name: counts[name]["completed"] for name in counts}
    assert not any(count["retried"] + count["failed"] for count in counts.values())


async def _set_and_kill(fleet, clock, ahead_s):
    """
    Set the clock, kill the worker that has most in hand, and wait for all.

    Returns:
        When the last job of that worker started again, and for how long no waiting job started.

    """
    gate = f"gate{ahead_s}"
    held = await fleet.enqueue(2 * IN_FLIGHT, do="hold", text=gate)
    await until(lambda: len(_holders(fleet, held)) == len(held), "they are held", PATIENCE_S)
    waiting = await fleet.enqueue(JOBS, RATED)
    await clock.set_server(fleet.jobs.store.redis, ahead_s)
    set_ns = now_ns()
    counts = await fleet.jobs.counts(RATED)
    assert counts["waiting"] + counts["delayed"] >= IN_FLIGHT, "jobs wait for their rate"
    await until(lambda: fleet.ledger.starts(RATED).keys() >= set(waiting), "they go on by themselves", PATIENCE_S)
    pid, count = Counter(_holders(fleet, held).values()).most_common(1)[0]
    assert count >= IN_FLIGHT
    fleet.kill(next(worker for worker in fleet.workers if worker.pid == pid))
    killed_ns = now_ns()
    fleet.spawn()
    await fleet.enqueue(JOBS, do="sleep", n=50)
    await fleet.enqueue(JOBS, RATED)
    again = await until(lambda: _again(fleet, held, killed_ns, count), "they start again", PATIENCE_S)
    fleet.ledger.open_gate(gate)
    await until(lambda: _fired(fleet, set_ns), "the schedule fires", PATIENCE_S)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    slots = (now_ns() - set_ns) / 1e9 / EVERY_S
    assert len(_fired(fleet, set_ns)) <= slots + 2, "one for each slot, and one more at most"
    return (max(again) - killed_ns) / 1e9, _longest_stall(fleet, set_ns)


def _holders(fleet, held):
    """Return which process runs each of the jobs."""
    return {line.job: line.pid for line in fleet.ledger.lines("start") if line.job in held}


def _again(fleet, held, since_ns, count):
    """Return when those that were killed started again, once all have."""
    starts = [line.ns for line in fleet.ledger.lines("start") if line.job in held and line.ns > since_ns]
    return starts if len(starts) >= count else None


def _longest_stall(fleet, since_ns):
    """Return for how many seconds at most no job of the type with a rate started."""
    starts = [since_ns, *(line.ns for line in fleet.ledger.lines("start", RATED) if line.ns > since_ns)]
    return max(later - earlier for earlier, later in pairwise(starts)) / 1e9


def _fired(fleet, since_ns):
    return {line.job for line in fleet.ledger.lines("start", "work.other") if line.ns > since_ns}
