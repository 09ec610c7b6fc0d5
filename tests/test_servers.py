"""The throw-away servers that the other tests stand on."""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from tests.proxy import Proxy


def test_no_other_plugin_brings_servers(pytestconfig):
    """A package's own pytest plugin would start one server per test beside ours."""
    assert not pytestconfig.pluginmanager.has_plugin("valkey")
    assert pytestconfig.pluginmanager.is_blocked("valkey")


async def test_every_kind_answers_on_an_emptied_database(any_url):
    """Valkey and Redis alike start empty."""
    async with redis.asyncio.Redis.from_url(any_url) as client:
        assert 0 == await client.dbsize()
        await client.set("left", "over")


def test_a_database_is_emptied_for_each_test(redis_url, server):
    """What a test leaves behind is gone for the next one."""
    with redis.Redis.from_url(redis_url) as client:
        client.set("left", "over")
        server.flush()

        assert 0 == client.dbsize()


def test_a_durable_server_loads_what_it_held_when_killed(own_server):
    """Tests of power cuts stand on this."""
    with redis.Redis.from_url(own_server.url) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 1, 0, 5000)
    own_server.kill()
    own_server.start()

    with redis.Redis.from_url(own_server.url) as client:
        assert b"yes" == client.get("kept")


def test_namespaces_are_legible_and_unlike(namespace, request):
    """A namespace shows which test made a key."""
    assert namespace.startswith("test-namespaces-are-legible-and-unlike"[:40])


async def test_a_closed_proxy_cuts_also_what_it_has_just_accepted(redis_url):
    """Its caller may live on, and the test waits for the connection's end."""
    proxy = Proxy(redis_url.removeprefix("unix://"))
    await proxy.accept()
    _, writer = await asyncio.open_unix_connection(proxy.url.removeprefix("unix://"))
    for _ in range(100):  # turns of the loop; the first in which it has the connection, and not yet its way on
        await asyncio.sleep(0)
        if proxy._tasks:
            break

    await asyncio.wait_for(proxy.aclose(), 10)
    writer.close()
