"""Row 23: the server forgets its scripts again and again; nobody notices."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import RUNTIME, TIMEOUT_S, tell, under_load
from tests.fleet.producer import judge

JOBS = load(5_000)
EVERY_S = 1 if FULL else 0.1
FORGOTTEN = 5

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_no_job_fails_and_no_attempt_is_used_while_scripts_are_forgotten(durable_fleet):
    fleet = durable_fleet
    fleet.configure(durability="aof", **RUNTIME)
    redis = fleet.jobs.store.redis
    await fleet.start(2)
    flushing = asyncio.create_task(_flush(redis))
    async with under_load(fleet, count=JOBS) as producer:
        pass
    flushing.cancel()
    counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)
    missed = (await redis.info("errorstats"))["errorstat_NOSCRIPT"]["count"]
    flushes = (await redis.info("commandstats"))["cmdstat_script|flush"]["calls"]

    tell(f"{flushes} flushes, {missed} calls by a hash that was forgotten")
    assert flushes >= FORGOTTEN
    assert missed >= FORGOTTEN
    assert ([], set(), 0) == verdict
    assert ({}, set()) == (producer.refused, producer.unknown)
    assert (len(producer.acknowledged), 0, 0, 0) == tuple(
        counts[name] for name in ("completed", "retried", "failed", "crashed")
    )


async def _flush(redis):
    while True:
        await redis.script_flush()
        await redis.execute_command("FUNCTION", "FLUSH")
        await asyncio.sleep(EVERY_S)
