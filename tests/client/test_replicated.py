"""``durability = "replicated"``: an enqueue answers when a replica has the job, or says what is known."""

from __future__ import annotations

import asyncio
import signal

import pytest

import jobframe
from jobframe.client.firing import fire
from jobframe.client.jobs import Jobs
from jobframe.core.errors import ConfigError, StoreUnavailable
from jobframe.core.schedule import Schedule
from jobframe.store import schedules
from jobframe.store.enqueue import enqueue
from jobframe.store.notes import mark_step
from jobframe.store.store import Store
from tests.conformance.world import World
from tests.fleet.fixtures import fleet_at
from tests.fleet.workers import until
from tests.replicas import make_primary, make_replica

TYPE = "replicated.page"


class ReplicatedStore(Store):
    """A store of that durability."""

    def __init__(self, url, namespace, **options):
        super().__init__(url, namespace, "replicated", **options)


@pytest.fixture
def primary(make_server):
    return make_primary(make_server)


@pytest.fixture
async def world(primary, namespace):
    """A namespace whose client waits for replicas."""
    world = World(primary.url, namespace, ReplicatedStore)
    await world.join("w1", TYPE)
    yield world
    await world.aclose()


async def test_what_is_acknowledged_is_on_the_replica(make_server, primary, world):
    replica = make_replica(make_server, primary)
    await world.store.redis.script_flush()

    assert [None, None] == await world.enqueue(TYPE, "x", "y")

    other = Store(replica.url, world.store.keys.namespace)
    assert {b"x", b"y"} == set(await other.redis.zrange(f"{other.keys.prefix}queue:{TYPE}:n", 0, -1))
    await other.aclose()


async def test_without_a_replica_nothing_is_enqueued_and_the_error_says_what_to_do(world):
    before = await world.dump()

    with pytest.raises(StoreUnavailable, match=r"no replica follows the server.*start a replica, or ask for") as caught:
        await world.enqueue(TYPE, "x")

    assert caught.value.acknowledged is False
    assert before == await world.dump()


async def test_a_call_that_no_replica_confirms_is_in_doubt_and_waits_again_when_it_is_resent(
    make_server, primary, world
):
    replica = make_replica(make_server, primary)
    replica.process.send_signal(signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="no replica has confirmed") as caught:
            await world.send(world.job(TYPE, "x"), number=1)
        assert caught.value.acknowledged is None
        await world.store.redis.connection_pool.disconnect()  # the next one has written nothing yet
    replica.process.send_signal(signal.SIGCONT)

    async def confirmed():
        try:
            return await world.send(world.job(TYPE, "x"), number=1)
        except StoreUnavailable:
            return None

    assert [None] == await until(confirmed, "the replica confirms")
    assert 1 == (await world.counts())["waiting"]


async def test_a_client_sends_again_until_a_replica_confirms(make_server, primary, world):
    replica = make_replica(make_server, primary)
    replica.process.send_signal(signal.SIGSTOP)
    jobs = Jobs(world.store)
    call = asyncio.create_task(jobs.enqueue(TYPE))

    async def enqueued():
        return (await world.counts()).get("waiting")

    await until(enqueued, "the server has it")
    assert not call.done()
    replica.process.send_signal(signal.SIGCONT)

    assert (await call).created
    assert 1 == (await world.counts())["waiting"]
    await jobs.aclose()


async def test_a_slot_that_no_replica_confirms_is_asked_for_again_and_waits_again(make_server, primary, world):
    schedule = Schedule(name="nightly", job=TYPE, every_ms=60_000)
    await schedules.put(world.store, [TYPE], [schedule], "w1")
    (progress,) = (await schedules.read(world.store)).schedules.values()
    slot = schedule.next_slot(world.now) or 0
    world.now = slot
    replica = make_replica(make_server, primary)
    replica.process.send_signal(signal.SIGSTOP)
    jobs = Jobs(world.store)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="no replica has confirmed"):
            await fire(jobs, progress.in_force, slot)
        await world.store.redis.connection_pool.disconnect()
    replica.process.send_signal(signal.SIGCONT)
    await jobs.aclose()

    assert 1 == (await world.counts())["waiting"]


async def test_a_marked_step_is_on_the_replica_and_waits_again_when_it_is_marked_again(make_server, primary, world):
    replica = make_replica(make_server, primary)
    await world.enqueue(TYPE, "x")
    (job,) = (await world.claim()).jobs
    assert ["one"] == await mark_step(world.store, "w1", f"{TYPE}:x", job.fence, "one")
    other = Store(replica.url, world.store.keys.namespace)
    assert {"x": b"one"} == await other.read_hash(f"{other.keys.prefix}steps:{TYPE}")
    await other.aclose()

    replica.process.send_signal(signal.SIGSTOP)
    assert ["one"] == await mark_step(world.store, "w1", f"{TYPE}:x", job.fence, ""), "to read waits for nobody"
    for step in ("two", "two"):
        with pytest.raises(StoreUnavailable, match="no replica has confirmed"):
            await mark_step(world.store, "w1", f"{TYPE}:x", job.fence, step)
        await world.store.redis.connection_pool.disconnect()
    replica.process.send_signal(signal.SIGCONT)


async def test_a_replica_says_that_it_takes_no_writes(make_server, primary, world):
    replica = make_replica(make_server, primary)
    other = ReplicatedStore(replica.url, world.store.keys.namespace)
    with pytest.raises(StoreUnavailable, match="the server is a replica and takes no writes") as caught:
        await enqueue(other, "c2", 1, [world.job(TYPE)])
    await other.aclose()

    assert caught.value.acknowledged is False


def test_a_cluster_is_refused():
    with pytest.raises(ConfigError, match=r"runtime\.durability: a cluster has no way to wait"):
        Store("redis+cluster://127.0.0.1:1", "n", "replicated")


@pytest.fixture
def config(primary, namespace, tmp_path):
    """A jobs.toml that asks for replicas where there is none."""
    path = tmp_path / "jobs.toml"
    path.write_text(
        f'[redis]\nurl = "{primary.url}"\nnamespace = "{namespace}"\n[runtime]\ndurability = "replicated"\n'
    )
    return path


async def test_connect_reads_it(config, world):
    async with jobframe.connect(config=config) as jobs:
        with pytest.raises(StoreUnavailable, match="no replica follows"):
            await jobs.enqueue(TYPE)


def test_connect_sync_reads_it(config, world):
    with jobframe.connect_sync(config=config) as jobs, pytest.raises(StoreUnavailable, match="no replica follows"):
        jobs.enqueue(TYPE)


@pytest.mark.parametrize("type", ["work.loop", "work.process"])
async def test_what_a_handler_enqueues_waits_too(primary, namespace, tmp_path, monkeypatch, type):
    async with fleet_at(primary.url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure("[defaults]\nmax_retries = 0", durability="replicated")
        async with fleet.here():
            (job,) = await fleet.enqueue(1, type, do="fan")
            await fleet.ended(type)
        info = await (await fleet.jobs.job(job)).info()

    assert "failed" == info.state
    assert "no replica follows the server" in info.errors[0].message
