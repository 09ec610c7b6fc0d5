"""What rows of the matrix have in common: load, a fault in its middle, and the wait until jobs start again."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager

from jobframe.store.inspect import workers
from tests.faults.form import FULL, load
from tests.fleet.producer import Producer, in_flight
from tests.fleet.workers import until

JOBS = load(20_000)
IN_FLIGHT = 5
TIMEOUT_S = 1_800 if FULL else 240
PATIENCE_S = 900 if FULL else 100
RUNTIME: dict[str, str | int] = {"max_jobs": 20} if FULL else {"max_jobs": 20, "lease": "3s"}


@asynccontextmanager
async def under_load(fleet, jobs=None, count=JOBS, besides=None, **work):
    """Have a producer enqueue *count* jobs, and wait at the end until all were acknowledged and nothing is left."""
    producer = Producer(jobs or fleet.jobs, besides, **({"do": "sleep", "n": 50} | work))
    producing = asyncio.create_task(producer.run(count))
    try:
        yield producer
        await asyncio.wait_for(producing, PATIENCE_S)
        await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    finally:
        producing.cancel()


async def nothing_left(fleet):
    counts = await fleet.jobs.counts()
    return not counts["waiting"] + counts["delayed"] + counts["active"]


async def joined(fleet, count):
    """Whether as many workers are members."""
    return len(await workers(fleet.jobs.store)) == count


async def midway(fleet, producer, acknowledged):
    """Wait until so many jobs are acknowledged, and some are in flight."""
    await until(lambda: len(producer.acknowledged) >= acknowledged, f"{acknowledged} are acknowledged", PATIENCE_S)
    await until(lambda: in_flight(fleet.ledger) >= IN_FLIGHT, "jobs are in flight", PATIENCE_S)


async def start_again(fleet, since_ns):
    """Wait until jobs start again; returns the seconds that this took."""

    def started():
        return [line.ns for line in fleet.ledger.lines("start") if line.ns > since_ns]

    return (min(await until(started, "jobs start again", PATIENCE_S)) - since_ns) / 1e9


async def run_id(fleet):
    """Return by which a server differs from itself before its restart."""
    return (await fleet.jobs.store.redis.info("server"))["run_id"]


def now_ns():
    return time.monotonic_ns()


def tell(figures):
    """Show figures of a run; pytest does when it is asked for output (``-s``, ``-rP``)."""
    sys.stdout.write(f"{figures}\n")


def in_seconds(times):
    return ", ".join(f"{each:.2f}" for each in times) + " s"
