"""Row 14: the server is restarted again and again; nothing is lost, and no worker notices more than a pause."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.form import FULL
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
from tests.fleet.producer import judge

RESTARTS = 5
MAY_REST_S = 5.0

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_nothing_is_lost_and_no_worker_ends_while_the_server_is_restarted(durable_fleet, own_server):
    fleet, resumed = durable_fleet, []
    fleet.configure(durability="aof", **RUNTIME)
    workers = await fleet.start(2)
    servers = {await run_id(fleet)}
    async with under_load(fleet) as producer:
        for restart in range(1, RESTARTS + 1):
            await midway(fleet, producer, restart * JOBS // (RESTARTS + 1))
            await asyncio.to_thread(own_server.stop)
            await asyncio.to_thread(own_server.start)
            resumed.append(await start_again(fleet, now_ns()))
            servers.add(await run_id(fleet))
    counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)

    tell(f"started again after {in_seconds(resumed)}; {verdict.repeated} ran again; {len(producer.refused)} refused")
    assert RESTARTS + 1 == len(servers), "it was restarted each time"
    assert ([], set()) == (verdict.lost, verdict.uninvited)
    assert (0, 0) == (counts["retried"], counts["failed"])
    assert [None, None] == [worker.process.poll() for worker in workers]
    assert max(resumed) <= MAY_REST_S or not FULL
