"""Row 15: kill -9 of the server; what is lost is what its fsync setting says, and the workers go on."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.faults.under_load import (
    JOBS,
    RUNTIME,
    TIMEOUT_S,
    in_seconds,
    midway,
    now_ns,
    run_id,
    start_again,
    tell,
    under_load,
)
from tests.fleet.oracle import after_effects
from tests.fleet.producer import judge

KILLS = 5
MAY_LOSE_S = {"everysec": 2.0, "always": 0.0}
"""With everysec the server may hold a write back for as long while it syncs."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.mark.parametrize("fsync", MAY_LOSE_S)
async def test_kill_9_of_the_server_loses_what_its_fsync_allows_and_no_more(durable_fleet, own_server, fsync):
    fleet, resumed, kills = durable_fleet, [], []
    fleet.configure(durability="aof", **RUNTIME)
    await fleet.jobs.store.redis.config_set("appendfsync", fsync)
    workers = await fleet.start(2)
    servers = {await run_id(fleet)}
    async with under_load(fleet, do="effect") as producer:
        for kill in range(1, KILLS + 1):
            await midway(fleet, producer, kill * JOBS // (KILLS + 1))
            kills.append(time.monotonic())
            own_server.kill()
            await asyncio.to_thread(own_server.start)
            resumed.append(await start_again(fleet, now_ns()))
            await fleet.jobs.store.redis.config_set("appendfsync", fsync)
            servers.add(await run_id(fleet))
    counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)
    _, marked_again, _ = after_effects(fleet.ledger)

    def before_a_kill(job):
        return min((kill - at for kill in kills if kill >= (at := producer.acknowledged[job])), default=float("inf"))

    tell(
        f"{fsync}: {len(verdict.lost)} lost; started again after {in_seconds(resumed)}; {verdict.repeated} ran again, "
        f"{marked_again} with an effect that was marked"
    )
    assert KILLS + 1 == len(servers), "it was killed each time"
    assert [] == [job for job in verdict.lost if before_a_kill(job) > MAY_LOSE_S[fsync]]
    assert 0 == marked_again or fsync != "always"
    assert set() == verdict.uninvited
    assert (0, 0) == (counts["retried"], counts["failed"])
    assert [None, None] == [worker.process.poll() for worker in workers]
