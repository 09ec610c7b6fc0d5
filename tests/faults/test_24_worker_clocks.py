"""Row 24: the clocks of three workers are hours apart, one is set meanwhile; jobs and slots come by the server's."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import pytest

from jobframe.core.clock import from_ms
from jobframe.core.job import NewJob
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, joined, nothing_left, now_ns, tell
from tests.fleet.workers import until

SCHEDULED = load(1_000)
SLOTS = 10 if FULL else 3
EVERY_S = 2
BURST = 20
SLOTS_OF_A_WORKER = 4  # so that no two workers can take a burst at once
FIRST_DUE_S = 2
HOUR_S, STEP_S = 3_600, 600
CLOCKS_DIFFER_MS = 2
"""The server counts whole milliseconds, and its clock is not the ledger's."""
LATE_MS = 1_000
QUESTIONS = 50
"""A slow answer would say less of the time than that."""
TYPE, FIRED = "work.loop", "work.other"
TABLES = f"""
[schedules.often]
job = "{FIRED}"
every = "{EVERY_S}s"
overlap = "allow"
"""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_jobs_and_slots_start_by_the_clock_of_the_server_alone(fleet, make_clock):
    fleet.configure(TABLES, **RUNTIME | {"max_jobs": SLOTS_OF_A_WORKER})
    clocks = {ahead_s: make_clock(f"{ahead_s:+}") for ahead_s in (-HOUR_S, 0, HOUR_S)}
    for ahead_s, clock in clocks.items():
        clock.set(ahead_s)
        with clock.read():
            fleet.spawn()
    await until(lambda: joined(fleet, len(clocks)), "the workers join")
    epoch_ns = await _epoch_ns(fleet.jobs.store.redis)
    due_ms = await _schedule(fleet)
    await until(lambda: _is_midway(fleet, epoch_ns), "half of the jobs have started, on every worker", PATIENCE_S)
    clocks[-HOUR_S].set(STEP_S - HOUR_S)
    await until(lambda: len(_slots(fleet)) >= SLOTS, "enough slots have come", PATIENCE_S)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)

    starts = fleet.ledger.starts()
    slots = _slots(fleet)
    assert {1} == set(starts.values()), "no job and no slot comes twice"
    assert due_ms.keys() == {job for job in starts if job.startswith(TYPE)}
    assert slots == list(range(slots[0], slots[-1] + 1, 1_000 * EVERY_S)), "no slot is left out"
    assert _offsets(fleet, epoch_ns) == [{-HOUR_S, STEP_S - HOUR_S}, {0}, {HOUR_S}]

    due_ms |= {f"{FIRED}:often@{slot}": slot for slot in slots}
    late_ms = [(line.ns + epoch_ns) / 1e6 - due_ms[line.job] for line in fleet.ledger.lines("start")]
    tell(
        f"{len(slots)} slots, {SCHEDULED} jobs: started {min(late_ms):.1f} to {max(late_ms):.1f} ms after they were due"
    )
    assert min(late_ms) >= -CLOCKS_DIFFER_MS
    if FULL:
        assert max(late_ms) <= LATE_MS


async def _epoch_ns(redis):
    """Return what the ledger's clock lacks to the server's, by the quickest of some answers."""
    answers = []
    for _ in range(QUESTIONS):
        before_ns = now_ns()
        seconds, micros = await redis.time()
        after_ns = now_ns()
        answers.append((after_ns - before_ns, (seconds * 1_000_000 + micros) * 1_000 - (before_ns + after_ns) // 2))
    return min(answers)[1]


async def _schedule(fleet):
    """Enqueue jobs in bursts, half of them by time and half by delay; id → when it is due, as the store has it."""
    store = fleet.jobs.store
    seconds, _ = await store.redis.time()
    spread_s = SLOTS * EVERY_S * BURST / SCHEDULED
    jobs = []
    for n in range(SCHEDULED):
        after_s = FIRST_DUE_S + spread_s * (n // BURST)
        when = {"delay": dt.timedelta(seconds=after_s)} if n % 2 else {"at": from_ms(1_000 * (seconds + after_s))}
        jobs.append(NewJob(TYPE, {"do": "tell_time", "n": 50}, **when))
    await fleet.jobs.enqueue_many(jobs)
    queued = await store.redis.zrange(store.keys.queue(TYPE), 0, -1, withscores=True)
    assert len(queued) == SCHEDULED
    return {f"{TYPE}:{unique.decode()}": due for unique, due in queued}


def _is_midway(fleet, epoch_ns):
    return len(fleet.ledger.starts(TYPE)) >= SCHEDULED // 2 and all(_offsets(fleet, epoch_ns))


def _slots(fleet):
    """List the slots of the schedule whose jobs have started."""
    return sorted(int(line.job.partition("@")[2]) for line in fleet.ledger.lines("start", FIRED))


def _offsets(fleet, epoch_ns):
    """Tell for each worker by how many seconds its clock was ahead of the server's, whenever it ran a job."""
    offsets = defaultdict(set)
    for line in fleet.ledger.lines(job=TYPE):
        if line.what.startswith("time "):
            offsets[line.pid].add(round(int(line.what.split()[1]) / 1e3 - (line.ns + epoch_ns) / 1e9))
    return [offsets[worker.pid] for worker in fleet.workers]
