"""Row 22: the slot of the queue moves from node to node of a cluster and back; nobody is told an error."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from jobframe.store.doctor import examine
from tests.cluster import make_cluster, make_follower, slot_of
from tests.faults.form import FULL, load
from tests.faults.under_load import (
    PATIENCE_S,
    RUNTIME,
    TIMEOUT_S,
    midway,
    now_ns,
    start_again,
    tell,
    under_load,
)
from tests.fleet.fixtures import fleet_at
from tests.fleet.producer import judge
from tests.fleet.workers import until

JOBS = load(10_000)
MOVES = 5 if FULL else 2
HALF_MOVED_S, STAYS_S = (0.3, 1.0) if FULL else (0.15, 0.3)
REFUSALS = ("MOVED", "ASK", "TRYAGAIN", "CROSSSLOT")
MAY_STALL_S = 3.0
MAY_LOSE_S = 1.0 if FULL else 5.0
"""How far a replica may lag behind; on a busy machine by more than a second."""
MAY_REST_S = 5.0

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_slot_that_moves_costs_nobody_an_error_and_no_job(make_server, namespace, tmp_path, monkeypatch):
    cluster, slot = await asyncio.to_thread(make_cluster, make_server), slot_of(namespace)
    home = cluster.owner(slot)
    away = next(one for one in cluster.nodes if one is not home)
    ways, moved = itertools.cycle([(home, away), (away, home)]), []
    async with fleet_at(cluster.url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure(durability="aof", **RUNTIME)
        workers = await fleet.start(2)
        async with under_load(fleet, count=JOBS) as producer, asyncio.TaskGroup() as waits:
            await midway(fleet, producer, 0)
            while len(fleet.ledger.lines("end")) < JOBS:
                source, target = next(ways)
                moved.append(await asyncio.to_thread(cluster.move, slot, source, target, HALF_MOVED_S))
                handle = await fleet.jobs.enqueue("work.loop", {"text": "told"})
                producer.acknowledged[handle.id] = time.monotonic()
                waits.create_task(handle.result(timeout=PATIENCE_S))
                await asyncio.sleep(STAYS_S)
        counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)
        starts = sorted(line.ns for line in fleet.ledger.lines("start"))
        stall_s = max(later - earlier for earlier, later in itertools.pairwise(starts)) / 1e9
        told = {code: sum(one.errors(code) for one in cluster.nodes) for code in REFUSALS}

        tell(
            f"{len(moved)} moves of {min(moved)} keys or more; refused {told}; longest stall {stall_s:.2f} s; "
            f"{verdict.repeated} ran again"
        )
        assert len(moved) >= MOVES
        assert min(moved) > 1, "keys were moved each time"
        assert min(told["MOVED"], told["ASK"] + told["TRYAGAIN"]) >= len(moved)
        assert 0 == told["CROSSSLOT"]
        assert ({}, set()) == (producer.refused, producer.unknown), "no producer was told an error"
        assert ([], set(), 0) == verdict
        assert (len(producer.acknowledged), 0, 0, 0) == tuple(
            counts[name] for name in ("completed", "retried", "failed", "crashed")
        )
        assert [None, None] == [worker.process.poll() for worker in workers]
        assert {} == (await examine(fleet.jobs.store)).troubles
        assert not [worker.said() for worker in workers if "store unavailable" in worker.said()]
        assert stall_s <= MAY_STALL_S or not FULL


async def test_a_node_that_dies_costs_what_its_replica_lacked(make_server, namespace, tmp_path, monkeypatch):
    cluster, slot = await asyncio.to_thread(make_cluster, make_server), slot_of(namespace)
    owner = cluster.owner(slot)
    follower = await asyncio.to_thread(make_follower, make_server, cluster, owner)
    async with fleet_at(cluster.url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure(durability="aof", **RUNTIME)
        workers = await fleet.start(2)
        async with under_load(fleet, count=JOBS) as producer:
            await midway(fleet, producer, JOBS // 3)
            at = time.monotonic()
            owner.server.kill()
            await until(lambda: "master" == follower.client.info("replication")["role"], "it is promoted", PATIENCE_S)
            promoted = now_ns()
            resumed = await start_again(fleet, promoted)
        counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)

        tell(
            f"promoted after {promoted / 1e9 - at:.2f} s, jobs started {resumed:.2f} s later; {len(verdict.lost)} of "
            f"{len(producer.acknowledged)} lost, {verdict.repeated} ran again, {len(producer.unknown)} unknown"
        )
        assert [] == [job for job in verdict.lost if at - producer.acknowledged[job] > MAY_LOSE_S]
        assert set() == verdict.uninvited
        assert (0, 0) == (counts["retried"], counts["failed"])
        assert [None, None] == [worker.process.poll() for worker in workers]
        assert resumed <= MAY_REST_S or not FULL
