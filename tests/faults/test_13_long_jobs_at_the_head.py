"""Row 13: a thousand long jobs are in progress, older than all that waits; a free slot elsewhere takes the rest."""

from __future__ import annotations

import time

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, TIMEOUT_S, tell
from tests.fleet.workers import until

LONG, NEW = load(1_000), load(100)
AN_HOUR_MS = 3_600_000

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_free_slot_takes_new_jobs_past_a_thousand_that_are_in_progress(fleet):
    fleet.configure(max_jobs=LONG)
    (full,) = await fleet.start()
    held = await fleet.enqueue(LONG, do="sleep", n=AN_HOUR_MS)
    await until(lambda: fleet.ledger.running_in(full.pid) == LONG, "the long jobs are in progress", PATIENCE_S)
    fleet.configure(max_jobs=1)
    (free,) = await fleet.start()
    enqueued_ns = time.monotonic_ns()
    new = await fleet.enqueue(NEW)
    await until(lambda: _completed(fleet, NEW), "the new jobs have ended", PATIENCE_S)
    starts = [line for line in fleet.ledger.lines("start") if line.job in new]
    first_s, last_s = ((each(line.ns for line in starts) - enqueued_ns) / 1e9 for each in (min, max))

    tell(f"the first of {NEW} new jobs started after {first_s:.3f} s, the last after {last_s:.2f} s")
    assert LONG == fleet.ledger.running_in(full.pid)
    assert LONG == (await fleet.jobs.counts())["active"]
    assert dict.fromkeys(held + new, 1) == fleet.ledger.starts()
    assert {free.pid} == {line.pid for line in starts}
    if FULL:
        assert first_s <= 1


async def _completed(fleet, count):
    return (await fleet.jobs.counts())["completed"] == count
