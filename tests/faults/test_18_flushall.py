"""Row 18: somebody empties the server; the loss is told, nothing half is left, and the flow is back."""

from __future__ import annotations

import asyncio

import pytest

from jobframe.store.doctor import examine
from tests.faults.form import FULL, load
from tests.faults.readyz import readyz
from tests.faults.under_load import (
    PATIENCE_S,
    RUNTIME,
    TIMEOUT_S,
    joined,
    nothing_left,
    now_ns,
    start_again,
    tell,
)
from tests.fleet.producer import in_flight
from tests.fleet.workers import until

JOBS = load(5_000)
WORKERS, MAX_JOBS = 2, 20
TOLD_WITHIN_S, BACK_WITHIN_S = 5.0, 5.0

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_store_that_was_emptied_is_told_of_and_work_goes_on_with_nothing_of_what_was_wiped(durable_fleet):
    fleet = durable_fleet
    fleet.configure(durability="aof", **RUNTIME | {"max_jobs": MAX_JOBS})
    workers = await fleet.start(WORKERS)
    with readyz(fleet) as ready:
        await fleet.enqueue(JOBS, do="hold", text="wiped")
        full = WORKERS * MAX_JOBS  # so that none is claimed and begins only after the data are gone
        await until(lambda: in_flight(fleet.ledger) == full, "every slot is taken", PATIENCE_S)
        assert "ok" == (await ready.check("data"))[0]
        await fleet.jobs.store.redis.flushall()
        emptied = now_ns()
        telling = asyncio.create_task(_told(ready))
        held = fleet.ledger.starts()
        await until(lambda: joined(fleet, WORKERS), "both workers are members again", PATIENCE_S)
        fleet.ledger.open_gate("wiped")
        afterwards = await fleet.enqueue(JOBS // 10)
        back_s = await start_again(fleet, emptied)
        told, told_at = await telling
        await until(lambda: nothing_left(fleet), "the new jobs have run", PATIENCE_S)
        await until(lambda: not in_flight(fleet.ledger), "the handlers of the old ones have ended", PATIENCE_S)
    counts, starts = await fleet.jobs.counts(), fleet.ledger.starts()

    told_s = (told_at - emptied) / 1e9
    tell(f"told after {told_s:.2f} s: {told}; new jobs started after {back_s:.2f} s")
    assert "the store lost its data" in told
    assert {*held, *afterwards} >= set(starts), "nothing of what waited is left"
    assert len(afterwards) == counts["completed"], "no end of a wiped job is counted"
    assert dict.fromkeys(afterwards, 1) == {job: starts[job] for job in afterwards}
    assert {} == (await examine(fleet.jobs.store)).troubles
    assert [None, None] == [worker.process.poll() for worker in workers]
    assert (told_s <= TOLD_WITHIN_S and back_s <= BACK_WITHIN_S) or not FULL


async def _told(ready):
    """Return what is told of the loss, and when."""
    return await until(lambda: ready.when("data", "degraded"), "the loss is told", PATIENCE_S), now_ns()


async def test_a_worker_learns_that_it_is_forgotten_when_it_looks_for_work(durable_fleet):
    """Not only when it renews its lease, which may be much later."""
    fleet = durable_fleet
    fleet.configure(durability="aof", lease="10m")
    await fleet.start(1)
    await fleet.jobs.store.redis.flushall()

    await until(lambda: joined(fleet, 1), "it is a member again", PATIENCE_S)
