"""Clients for every kind of server, tried on real ones."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from typing import Any

import arq
import pytest
import redis

from jobframe.core.errors import ConfigError, StoreUnavailable
from jobframe.store.connection import STORE_ERRORS, arq_settings, classify, connect, connect_blocking
from tests.faults.sentinels import NAME, make_sentinels
from tests.fleet.workers import until

PATIENCE_S = 20.0


@pytest.fixture
def primary_and_sentinel(make_server):
    """A primary and the sentinel that knows it as ``mymaster``; and its URL."""
    primary = make_server(ports=("port",))
    monitor = {"sentinel monitor": f"mymaster 127.0.0.1 {primary.ports['port']} 1"}
    sentinel = make_server(monitor, ports=("port",), sentinel=True)
    return primary, f"redis+sentinel://127.0.0.1:{sentinel.ports['port']}/mymaster/1"


@pytest.fixture
def cluster_url(make_server):
    """A cluster of one node that holds every slot."""
    node = make_server({"cluster-enabled": "yes"}, ports=("port", "cluster-port"))
    _hold_every_slot(node)
    return f"redis+cluster://127.0.0.1:{node.ports['port']}"


@pytest.fixture
def tls(tmp_path):
    """Options of a Redis that speaks TLS with a certificate for ``localhost``, and that certificate."""
    if not shutil.which("openssl"):
        assert os.environ.get("CI") != "true", "openssl is not on PATH"
        pytest.skip("openssl is not on PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {certificate} -subj /CN=localhost"
    subprocess.run([*command.split(), "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    options = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate}
    return {name: str(path) for name, path in options.items()} | {"tls-auth-clients": "no"}, certificate


@pytest.fixture
def tls_server(make_server, redis_server, tls):
    """A Redis that speaks TLS; the bundled Valkey cannot."""
    options, certificate = tls
    return make_server(options, ports=("tls-port",), binary=redis_server.binary), certificate


@pytest.fixture
def tls_cluster_url(make_server, redis_server, tls):
    """The same as a cluster of one node."""
    options, certificate = tls
    options |= {"cluster-enabled": "yes", "tls-cluster": "yes"}
    node = make_server(options, ports=("tls-port", "cluster-port"), binary=redis_server.binary)
    _hold_every_slot(node)
    return f"rediss+cluster://localhost:{node.ports['tls-port']}?ssl_ca_certs={certificate}"


def _hold_every_slot(node):
    with redis.Redis.from_url(node.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + PATIENCE_S
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.02)


async def _failure(url: str) -> StoreUnavailable:
    """What a call to *url* fails with."""
    async with connect(url) as client:
        with pytest.raises(STORE_ERRORS) as caught:
            await client.ping()
    failure = classify(caught.value)
    assert isinstance(failure, StoreUnavailable)
    return failure


async def test_a_socket_is_reached(any_url):
    """Answers come as bytes."""
    async with connect(any_url) as client:
        await client.set("a", "1")

        assert b"1" == await client.get("a")


def test_a_socket_is_reached_without_a_loop(any_url):
    """The blocking twin."""
    with connect_blocking(any_url) as client:
        client.set("a", "1")

        assert b"1" == client.get("a")


async def test_the_url_chooses_the_database(redis_url):
    """Two databases of one server are two places."""
    async with connect(redis_url + "?db=0") as first, connect(redis_url + "?db=1") as second:
        await first.set("a", "1")

        assert await second.get("a") is None


async def test_a_password_is_sent_and_a_wrong_one_is_not_shown(make_server):
    """The answer to a wrong one says where it is set."""
    server = make_server({"user anna": "on >right ~* +@all"}, ports=("port",))
    port = server.ports["port"]
    async with connect(f"redis://anna:right@127.0.0.1:{port}") as client:
        assert await client.ping()

    failure = await _failure(f"redis://anna:hunter2@127.0.0.1:{port}")

    assert "refuses the user or the password" in failure.reason
    assert "hunter2" not in failure.reason
    assert failure.acknowledged is False


async def test_operators_see_whose_connection_it_is(redis_url):
    """``CLIENT LIST`` names it."""
    async with connect(redis_url) as client:
        assert "jobframe" == await client.client_getname()


async def test_an_answer_that_does_not_come_is_not_awaited_for_ever(redis_url):
    """Whether the call had an effect is not known."""
    async with connect(redis_url, answer_s=0.1) as client:
        with pytest.raises(STORE_ERRORS) as caught:
            await client.execute_command("BLPOP", "nothing", 30)

    failure = classify(caught.value)
    assert isinstance(failure, StoreUnavailable)
    assert "the server did not answer in time" == failure.reason
    assert failure.acknowledged is None


async def test_a_blocking_command_may_take_longer(redis_url):
    """The caller says how long its connection waits."""
    async with connect(redis_url, answer_s=5) as client:
        assert await client.bzpopmin("nothing", timeout=0.3) is None


async def test_nothing_is_sent_twice(make_server):
    """A command whose answer is lost may have been executed: whether to send it again is not the client's to decide."""
    server = make_server(ports=("port",))
    async with connect(f"redis://127.0.0.1:{server.ports['port']}", answer_s=0.2) as client:
        await client.ping()
        with redis.Redis.from_url(server.url) as other:
            other.client_pause(600, all=True)
            with pytest.raises(STORE_ERRORS):
                await client.incr("count")
            assert b"1" == other.get("count")  # waits for the end of the pause


async def test_a_server_that_comes_back_is_used_again(own_server):
    """No new client is needed."""
    async with connect(own_server.url) as client:
        await client.ping()
        own_server.kill()
        with pytest.raises(STORE_ERRORS):
            await client.ping()
        own_server.start()

        assert await client.ping()


async def test_a_server_that_is_not_there_certainly_did_nothing(tmp_path):
    """Refused connections are told apart from lost ones."""
    failure = await _failure(f"unix://{tmp_path}/nothing")

    assert "cannot reach the server: no such file or directory" == failure.reason
    assert failure.acknowledged is False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_port_where_nobody_listens_certainly_did_nothing(make_server, host):
    """Also for a name with several addresses, each of which fails in its own words."""
    server = make_server(ports=("port",))
    server.kill()
    failure = await _failure(f"redis://{host}:{server.ports['port']}")

    assert "cannot reach the server: connection refused" == failure.reason
    assert failure.acknowledged is False


async def test_sentinels_lead_to_the_primary(primary_and_sentinel):
    """The database of the URL is the primary's."""
    primary, url = primary_and_sentinel
    async with connect(url) as client:
        await client.set("a", "1")
    with connect_blocking(url) as client:
        assert b"1" == client.get("a")

    with redis.Redis.from_url(primary.url, db=1) as direct:
        assert b"1" == direct.get("a")


async def test_a_name_that_no_sentinel_knows_is_reported(primary_and_sentinel):
    """It certainly did nothing."""
    _, url = primary_and_sentinel
    failure = await _failure(url.replace("mymaster", "other"))

    assert "no sentinel that answers knows a primary" in failure.reason
    assert failure.acknowledged is False


async def test_closing_a_client_closes_the_way_to_the_sentinels_too(primary_and_sentinel):
    """Nothing stays open behind it."""
    _, url = primary_and_sentinel
    client: Any = connect(url)
    await client.ping()
    sentinels = client.connection_pool.sentinel_manager.sentinels
    await client.aclose()

    assert not any(
        connection.is_connected
        for sentinel in sentinels
        for connection in sentinel.connection_pool._available_connections
    )


@pytest.mark.parametrize("blocking", [False, True], ids=["with a loop", "without"])
async def test_a_primary_that_lives_on_after_another_took_over_is_left(make_server, blocking):
    """What it takes until the sentinels make a replica of it, some seconds later, is lost."""
    sentinels = await asyncio.to_thread(make_sentinels, make_server)
    first, second = sentinels.servers
    client = connect_blocking(sentinels.url) if blocking else connect(sentinels.url)

    async def is_at(server):
        answer: Any = client.config_get("port")
        return int((answer if blocking else await answer)["port"]) == server.ports["port"]

    assert await is_at(first)
    await asyncio.to_thread(sentinels.one.execute_command, "SENTINEL", "FAILOVER", NAME)
    await until(lambda: is_at(second), "it goes to the other")
    with redis.Redis.from_url(first.url) as old:
        assert "master" == old.info("replication")["role"]
    client.close() if blocking else await client.aclose()


async def test_an_answer_of_the_sentinels_that_comes_late_cuts_nothing(primary_and_sentinel, monkeypatch):
    """Another has followed them by then: what is under way goes to the new primary already."""
    _, url = primary_and_sentinel
    client: Any = connect(url)
    await client.ping()
    pool, late = client.connection_pool, asyncio.get_running_loop().create_future()
    here, pool.master_address = pool.master_address, ("127.0.0.1", 1)
    answers = [late]

    async def discover_master(_):
        return await answers.pop() if answers else here

    monkeypatch.setattr(pool.sentinel_manager, "discover_master", discover_master)
    slow = asyncio.create_task(pool.get_master_address())
    await asyncio.sleep(0)
    await pool.get_master_address()
    async with client.client() as one:
        late.set_result(here)
        await slow
        still_connected = one.connection.is_connected
    await client.aclose()

    assert still_connected


@pytest.mark.parametrize("make", [connect, connect_blocking])
async def test_sentinels_that_do_not_answer_take_no_longer_than_the_server_may(make):
    """A lease is renewed over a connection that is there, but only after they were asked, one after the other."""
    client: Any = make("redis+sentinel://h1,h2,h3/mymaster", answer_s=3.0)
    options = [each.connection_pool.connection_kwargs for each in client.connection_pool.sentinel_manager.sentinels]

    assert sum(each["socket_timeout"] for each in options) <= 3.0
    assert sum(each["socket_connect_timeout"] for each in options) <= 3.0


@pytest.mark.parametrize("url", ["cluster_url", "tls_cluster_url"])
async def test_a_cluster_is_reached(url, request):
    """With and without a loop, with and without TLS."""
    url = request.getfixturevalue(url)
    async with connect(url, "jf:{a}:x") as client:
        await client.set("jf:{a}:x", "1")
    with connect_blocking(url, "jf:{a}:x") as client:
        assert b"1" == client.get("jf:{a}:x")


async def test_a_cluster_that_is_not_there_is_reported():
    """As any other server, at the first use; it certainly did nothing."""
    failure = await _failure("redis+cluster://:hunter2@127.0.0.1:1")

    assert "cannot reach the server: connection refused" == failure.reason
    assert failure.acknowledged is False
    with pytest.raises(redis.ConnectionError), connect_blocking("redis+cluster://127.0.0.1:1") as client:
        client.ping()


async def test_tls_checks_certificate_and_name(tls_server):
    """A certificate that nobody vouches for, or for another name, ends the connection."""
    server, certificate = tls_server
    port = server.ports["tls-port"]
    async with connect(f"rediss://localhost:{port}?ssl_ca_certs={certificate}") as client:
        assert await client.ping()

    unknown = await _failure(f"rediss://localhost:{port}")
    assert "certificate is not valid here" in unknown.reason
    other_name = await _failure(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}")
    assert "certificate is not valid here" in other_name.reason


async def test_arq_reaches_the_same_place(redis_url):
    """Its own producers and ours share the server."""
    pool = await arq.create_pool(arq_settings(redis_url + "?db=1"))
    try:
        await pool.set("a", "1")
    finally:
        await pool.aclose()

    with connect_blocking(redis_url + "?db=1") as client:
        assert b"1" == client.get("a")


async def test_arq_finds_the_primary_through_sentinels(primary_and_sentinel):
    """Its own URL reader would refuse the scheme."""
    _, url = primary_and_sentinel
    pool: Any = await arq.create_pool(arq_settings(url))
    try:
        assert await pool.ping()
    finally:
        await asyncio.gather(*(one.aclose() for one in pool.connection_pool.sentinel_manager.sentinels))
        await pool.aclose()


def test_arq_cannot_use_a_cluster():
    """The error says what it can."""
    with pytest.raises(ConfigError, match=r"arq cannot use a cluster.*redis\+sentinel"):
        arq_settings("redis+cluster://h1")


def test_arq_checks_host_names_over_tls():
    """Its default does not."""
    assert arq_settings("rediss://h").ssl_check_hostname is True
