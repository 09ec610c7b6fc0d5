"""How often the server is asked for a job: counted by the server itself, so that no machine's speed matters."""

from __future__ import annotations

import asyncio
import math
from typing import NamedTuple

import pytest

from jobframe.store.inspect import snapshot

MAX_JOBS = 100
HALF = MAX_JOBS // 2
"""What a busy worker settles and claims anew in one go, so that the other half can run meanwhile."""


class Asked(NamedTuple):
    """
    What the server counted.

    Attributes:
        scripts: Calls of scripts.
        trips: Times that it read from a connection: commands that come together are one.
        commands: Commands that scripts gave inside.

    """

    scripts: int
    trips: int
    commands: int

    def per_job(self, less, jobs):
        """What each of *jobs* more cost than the *less* of a smaller count: without what comes once per worker."""
        return Asked(*((more - before) / jobs for more, before in zip(self, less, strict=True)))


@pytest.fixture
async def announced(fleet):
    """A fleet whose types are known and whose scripts are loaded."""
    fleet.configure(max_jobs=MAX_JOBS)
    async with fleet.here():
        pass
    await fleet.enqueue(1)
    await drain(fleet)
    return fleet


async def forget(fleet):
    await fleet.jobs.store.redis.config_resetstat()


async def asked(fleet):
    redis = fleet.jobs.store.redis
    by_command, stats = await redis.info("commandstats"), await redis.info("stats")
    calls = {name.removeprefix("cmdstat_"): each["calls"] for name, each in by_command.items()}
    scripts = calls.get("evalsha", 0) + calls.get("eval", 0)
    inside = sum(count for name, count in calls.items() if name.startswith(("h", "z", "exists", "time", "del")))
    return Asked(scripts, stats["total_reads_processed"], inside)


async def drain(fleet):
    async with fleet.here(burst=True) as runtime:
        await runtime.run()


async def asked_for_draining(fleet, jobs):
    await fleet.enqueue(jobs)
    await forget(fleet)
    await drain(fleet)
    return await asked(fleet)


async def test_a_busy_worker_asks_the_server_twice_for_half_of_its_jobs_in_one_round_trip(announced):
    few, many = 10 * HALF, 40 * HALF
    less, more = await asked_for_draining(announced, few), await asked_for_draining(announced, many)

    each = more.per_job(less, many - few)

    assert each.scripts <= 2 / HALF * 1.25, "a settle and a claim"
    assert each.trips <= 1 / HALF * 1.75, "sent together"
    assert each.commands <= 1.25, "however many a script needs, it needs them once for all its jobs"


async def test_jobs_of_one_call_are_sent_256_at_a_time(announced):
    await forget(announced)

    await announced.enqueue(1_000)

    assert math.ceil(1_000 / 256) == (await asked(announced)).scripts


async def test_concurrent_enqueues_share_their_calls(announced):
    await forget(announced)

    await asyncio.gather(*(announced.jobs.enqueue("work.loop", {"n": number}) for number in range(50)))

    assert (await asked(announced)).scripts <= 2, "the first goes at once, the others together"


@pytest.mark.parametrize("histograms", ["", "recent", "total"])
async def test_all_that_the_status_pages_show_is_read_in_one_call(announced, histograms):
    await announced.enqueue(1)
    await announced.enqueue(1, "work.other")
    await drain(announced)
    store = announced.jobs.store
    await snapshot(store, histograms)
    await forget(announced)

    await snapshot(store, histograms)

    assert 1 == (await asked(announced)).scripts
