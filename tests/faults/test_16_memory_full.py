"""Row 16: memory is full; enqueue is refused in words, workers drain without more memory, and enqueue is back."""

from __future__ import annotations

import asyncio
import time

import pytest

from jobframe.core.errors import StoreFull
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.producer import Producer, judge
from tests.fleet.workers import until

TEXT = "not to be seen " * 150
ROOM = load(30_000_000)
JOBS_THAT_FIT = 200
BACK_WITHIN_S = 2.0

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_full_server_refuses_jobs_drains_all_that_it_took_and_takes_jobs_again(durable_fleet):
    fleet = durable_fleet
    fleet.configure(durability="aof", **RUNTIME)
    redis = fleet.jobs.store.redis
    async with fleet.here():  # announces its types
        pass
    limit = (await redis.info("memory"))["used_memory"] + ROOM
    await redis.config_set("maxmemory", limit)
    producer = Producer(fleet.jobs, do="length", text=TEXT)
    producing = asyncio.create_task(producer.run(ROOM))
    await until(lambda: producer.refused, "memory is full", PATIENCE_S)
    producer.stopped = True
    await producing
    refusals = (await redis.info("errorstats"))["errorstat_OOM"]["count"]
    await fleet.start(2)
    await until(lambda: nothing_left(fleet), "all is drained", PATIENCE_S)
    drained = time.monotonic()
    await until(lambda: _takes_one(fleet), "enqueue is back", PATIENCE_S)
    back_s = time.monotonic() - drained
    await until(lambda: nothing_left(fleet), "that one ran too", PATIENCE_S)
    counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)

    tell(f"{len(producer.acknowledged)} jobs drained, {refusals} calls refused, enqueue back after {back_s:.2f} s")
    assert len(producer.acknowledged) > JOBS_THAT_FIT
    assert refusals > 0
    assert {StoreFull} == {type(error) for error in producer.refused.values()}
    assert not any("seen" in str(error) for error in producer.refused.values())
    assert ([], {"work.loop:afterwards"}, 0) == verdict
    assert len(producer.acknowledged) + 1 == counts["completed"]
    assert limit == int((await redis.config_get("maxmemory"))["maxmemory"]), "they drained without more memory"
    assert back_s <= BACK_WITHIN_S or not FULL


async def _takes_one(fleet):
    try:
        return await fleet.jobs.enqueue("work.loop", {"do": "length", "text": TEXT}, id="afterwards")
    except StoreFull:
        return None
