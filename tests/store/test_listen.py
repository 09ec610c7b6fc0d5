"""Listening to a channel and waiting for a marker: both end when told to, and live through lost connections."""

import asyncio
import itertools

import pytest

from jobframe.core.errors import StoreUnavailable
from jobframe.store.listen import Listener
from jobframe.store.store import Store
from jobframe.store.wake import WakeStore

PATIENCE_S = 20


@pytest.fixture
async def store(redis_url, namespace):
    opened = Store(redis_url, namespace)
    yield opened
    await opened.aclose()


@pytest.fixture
async def heard(store):
    """What the channel ``news`` says, in a queue."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    listener = Listener(store, "news", queue.put_nowait)
    await listener.ready()
    yield queue
    await listener.aclose()


async def test_a_message_is_heard_once_the_listener_is_ready(store, heard):
    await store.redis.publish("news", "hello ☃")

    async with asyncio.timeout(PATIENCE_S):
        assert await heard.get() == "hello ☃"


async def test_a_listener_whose_connection_was_cut_hears_again(store, heard):
    await store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    async with asyncio.timeout(PATIENCE_S):
        while heard.empty():
            await store.redis.publish("news", "again")
            await asyncio.sleep(0.05)
    assert await heard.get() == "again"


async def test_a_listener_that_never_listened_can_be_closed(store):
    await Listener(store, "news", lambda _: None).aclose()


async def test_a_marker_is_popped_once(store):
    markers = WakeStore(store)
    await store.redis.zadd(store.keys.wake("a"), {"m": 1})

    assert await markers.pop("a", PATIENCE_S)
    assert not await markers.pop("a", 0.01)
    await markers.aclose([])


async def until_a_pop_waits(store):
    async with asyncio.timeout(PATIENCE_S):
        for pause_s in itertools.repeat(0.01):
            if (await store.redis.info("clients"))["blocked_clients"]:
                return
            await asyncio.sleep(pause_s)


async def test_a_pop_that_waits_ends_with_the_marker(store):
    markers = WakeStore(store)
    waiting = asyncio.create_task(markers.pop("a", PATIENCE_S))
    await until_a_pop_waits(store)

    await store.redis.zadd(store.keys.wake("a"), {"m": 1})

    assert await waiting
    await markers.aclose([])


async def test_a_pop_that_waits_ends_when_its_connection_is_cut(store):
    markers = WakeStore(store)
    waiting = asyncio.create_task(markers.pop("a", PATIENCE_S))
    await until_a_pop_waits(store)

    await markers.cut()

    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(PATIENCE_S):
            await waiting


async def test_closing_leaves_a_marker_where_there_is_work(store):
    await store.redis.zadd(f"{store.keys.prefix}ready:a", {"type": 0})
    await WakeStore(store).aclose(["a", "b"])

    assert [1, 0] == [await store.redis.exists(store.keys.wake(lane)) for lane in ("a", "b")]
