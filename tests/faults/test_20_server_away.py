"""Row 20: the server is away for long under many clients; none storms it meanwhile, and soon all are back."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from jobframe.project import load_project
from jobframe.store import inspect
from jobframe.wiring import build_runtime
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, now_ns, tell
from tests.fleet.workers import until

CLIENTS = load(200)
AWAY_S = 30 if FULL else 6
SETTLED_S = AWAY_S / 2
LOOK_EVERY_S = 0.1
DIALS_A_SECOND = 2
BACK_WITHIN_S = 10

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.fixture
def fleet(durable_fleet):
    """The fleet of a server that can be taken away."""
    return durable_fleet


async def test_clients_of_a_server_that_is_away_dial_rarely_and_apart_and_soon_all_are_back(fleet, network, own_server):
    """A client is a worker with its dozen connections; two hundred of them live in this process."""
    fleet.configure(durability="aof", **RUNTIME)
    project = load_project(fleet.folder / "jobs.toml")
    clients = [build_runtime(project, network.url) for _ in range(CLIENTS)]
    try:
        await asyncio.gather(*(client.start() for client in clients))
        await until(lambda: _heard(fleet, 60_000, CLIENTS), "all have joined")
        await asyncio.to_thread(own_server.stop)
        dials = await _count_dials(network)
        await asyncio.to_thread(own_server.start)
        ready_ns = now_ns()
        await fleet.jobs.store.redis.connection_pool.disconnect()
        most_s, all_s = [await _back(fleet, ready_ns, count) for count in (CLIENTS * 99 // 100, CLIENTS)]
        jobs = await fleet.enqueue(CLIENTS, do="sleep", n=50)
        await until(lambda: nothing_left(fleet), "they work again", PATIENCE_S)
    finally:
        await asyncio.gather(*(client.drain(0) for client in clients))

    whole = dials[-1][1] / CLIENTS / AWAY_S
    settled = [each for each in dials if each[0] >= SETTLED_S]
    later = (settled[-1][1] - settled[0][1]) / CLIENTS / (settled[-1][0] - settled[0][0])
    at_once = max((b[1] - a[1]) / CLIENTS / (b[0] - a[0]) for a, b in pairwise(settled))
    tell(
        f"{whole:.2f} dials a second and client, {later:.2f} in the second half, {at_once:.2f} within {LOOK_EVERY_S} s "
        f"at most; 99 % are back after {most_s:.2f} s, all after {all_s:.2f} s"
    )
    assert 0 < later <= DIALS_A_SECOND
    assert at_once < 1 / LOOK_EVERY_S / 2, "half of them never dial together"
    assert not FULL or whole <= DIALS_A_SECOND
    assert not FULL or most_s <= BACK_WITHIN_S
    assert dict.fromkeys(jobs, 1) == fleet.ledger.starts()


async def _count_dials(network):
    """Count, while the server is away, how often it was dialled by then: pairs of seconds and number."""
    began_ns, before, dials = now_ns(), network.accepted, [(0.0, 0)]
    while dials[-1][0] < AWAY_S:
        await asyncio.sleep(LOOK_EVERY_S)
        dials.append(((now_ns() - began_ns) / 1e9, network.accepted - before))
    return dials


async def _back(fleet, ready_ns, count):
    """Wait until so many have renewed their lease since the server was ready; returns the seconds that this took."""
    await until(lambda: _heard(fleet, (now_ns() - ready_ns) / 1e6, count), f"{count} clients are back", PATIENCE_S)
    return (now_ns() - ready_ns) / 1e9


async def _heard(fleet, within_ms, count):
    """Whether so many workers were heard of within that time."""
    found = await inspect.snapshot(fleet.jobs.store, "")
    return sum(each.alive and each.heartbeat_age_ms <= within_ms for each in found.workers) >= count
