"""Scripts are known to the server by their hash; one that forgot them is told again, and nobody notices."""

import asyncio

import pytest

from jobframe.core.errors import StoreUnavailable
from jobframe.store.keys import Keys
from jobframe.store.scripts import script
from jobframe.store.store import BlockingStore, Store


@pytest.fixture
async def store(any_url, namespace):
    opened = Store(any_url, namespace)
    yield opened
    await opened.aclose()


async def test_a_server_that_forgot_its_scripts_is_told_them_again(store):
    for _ in range(2):
        await store.redis.script_flush()
        assert await store.run("held", "nobody") == []


async def test_two_scripts_in_one_round_trip_survive_a_server_that_forgot_them(store):
    await store.redis.script_flush()

    assert ([], 0) == await store.run_both(("held", ["nobody"]), ("pause", ["a", "1", "{}"]))


async def test_the_blocking_store_tells_them_again_too(store, any_url, namespace):
    blocking = BlockingStore(any_url, namespace)
    await store.redis.script_flush()

    assert await asyncio.to_thread(blocking.run, "renew", "nobody", 12_000) == [b"GONE"]
    blocking.close()


async def test_a_failing_script_tells_nothing_of_its_arguments(store):
    with pytest.raises(StoreUnavailable) as caught:
        await store.run("sweep", "secret", "secret", "secret")

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_scripts_read_the_servers_own_clock(store):
    seconds, microseconds = await store.redis.time()
    before = seconds * 1000 + microseconds // 1000
    answer = await store.run("snapshot", "", "")
    seconds, microseconds = await store.redis.time()

    assert before <= int(answer[0]) <= seconds * 1000 + microseconds // 1000


def test_only_enqueue_is_refused_when_memory_is_full():
    assert script("enqueue").text.startswith("#!lua\n")
    assert script("settle").text.startswith("#!lua flags=allow-oom\n")


@pytest.mark.parametrize("namespace", ["", "a b", "a}b", "a{b", "a:b", "x" * 65])
def test_a_namespace_that_would_break_the_hash_tag_is_refused(namespace):
    with pytest.raises(ValueError, match="use 1 to 64 letters, digits, dots, dashes and underscores"):
        Keys(namespace)
