"""The status server as clients meet it: over a socket, beside a store in every kind of trouble."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import threading

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobframe.core.errors import ConfigError
from jobframe.status import app, listener, readiness, source
from jobframe.status.liveness import Pulse
from jobframe.status.server import StatusServer
from jobframe.store.store import Store
from tests.conformance.invariants import LIMITS

PATIENCE_S = 15
LEASE = 12_000


async def now_ms(store):
    seconds, micros = await store.redis.time()
    return seconds * 1000 + micros // 1000


async def add_worker(store, name, *, types=("doc.embed",), left_ms=LEASE):
    info = {"host": "h", "pid": 1, "started_at": 0, "types": types, "kind": "k", "max_jobs": 1, "version": "1"}
    info["lease_ms"] = LEASE
    await store.redis.zadd(store.keys.workers, {name: await now_ms(store) + left_ms})
    await store.redis.hset(store.keys.worker_info, name, json.dumps(info))


async def add_type(store, name, *, cap=0, paused=False):
    packed = LIMITS.pack(int(paused), 2, cap, 1, 10_000, 3.6e6, 2.6e9, 0, 0, 0, 0, 0) + b"lane"
    await store.redis.hset(store.keys.limits, name, packed)


async def fill(store):
    """Put jobs of one type into five states, and one of them through each counter."""
    now = await now_ms(store)
    await add_type(store, "doc.embed", cap=4)
    await store.redis.zadd(store.keys.active("doc.embed"), {"secret-id-1": now})
    await store.redis.zadd(store.keys.queue("doc.embed"), {"w1": now - 5000, "w2": now - 10, "d1": now + 1_000_000})
    await store.redis.zadd(store.keys.ended("failed", "doc.embed"), {"f1": now, "f2": now, "f3": now})
    await store.redis.zadd(store.keys.ended("parked", "doc.embed"), {"p1": now})
    await store.redis.hset(store.keys.payload("doc.embed"), "w1", f'{now}\n{{"body":{{"note":"secret-payload"}}}}')
    await store.redis.hset(store.keys.counters("doc.embed"), mapping={"completed": 6, "failed": 4, "retried": 2})


async def answer(response):
    return response.status, response.content_type, json.loads(await response.read())


async def test_healthz_answers_while_the_process_lives(address, web):
    async with web.get(f"{address}/healthz") as response:
        assert await answer(response) == (200, "application/json", {"status": "ok"})
        assert response.headers["Server"] == "jobframe"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_metrics_show_the_counts_of_jobs_in_five_states(address, web, store):
    await fill(store)
    await add_worker(store, "w1")
    await add_worker(store, "w2", left_ms=-1)

    async with web.get(f"{address}/metrics") as response:
        status, content_type, found = await answer(response)

    assert (status, content_type) == (200, "application/json")
    assert found["jobs"] == {
        "active": 1, "waiting": 2, "failed": 3, "delayed": 1, "parked": 1,
        "completed": 6, "cancelled": 0, "retried": 2, "crashed": 0, "interrupted": 0, "expired": 0,
    }  # fmt: skip
    assert found["workers"] == {"alive": 1, "stale": 1}
    assert found["totals"] == {"failed": 4}
    assert (found["types"]["doc.embed"]["success_rate"], found["types"]["doc.embed"]["limit"]) == (0.6, 4)
    assert 5 <= found["types"]["doc.embed"]["oldest_waiting_s"] < 60


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "*/*", "application/json"),
        ("", "text/plain", "text/plain"),
        ("?format=prometheus", "application/json", "text/plain"),
        ("?format=json", "text/plain", "application/json"),
        ("", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
    ],
)
async def test_the_form_of_the_metrics_is_the_clients_choice(address, web, query, accept, content_type):
    async with web.get(f"{address}/metrics{query}", headers={"Accept": accept}) as response:
        assert (response.status, response.content_type) == (200, content_type)
        assert response.headers["Vary"] == "Accept"


async def test_prometheus_text_is_read_back(address, web, store):
    await fill(store)

    async with web.get(f"{address}/metrics?format=prometheus") as response:
        text = await response.text()

    (jobs,) = (family for family in text_string_to_metric_families(text) if family.name == "jobframe_jobs")
    assert {sample.labels["state"]: sample.value for sample in jobs.samples} == {
        "active": 1, "waiting": 2, "failed": 3, "delayed": 1, "parked": 1,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/readyz?strict", "/metrics", "/metrics?format=prometheus"])
async def test_no_route_names_a_job_or_shows_a_payload(address, web, store, path):
    await fill(store)
    await add_worker(store, "worker-of-host-x")

    async with web.get(address + path) as response:
        text = await response.text()

    assert not [word for word in ("secret-id-1", "secret-payload", "worker-of-host-x") if word in text]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_head_is_get_without_a_body(address, web, path):
    async with web.head(address + path) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/jobs", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/%2e%2e/metrics%00", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/readyz", 405),
        ("TRACE", "/healthz", 405),
        ("GET", "/metrics?format=xml", 400),
    ],
)
async def test_errors_are_problem_documents(address, web, method, path, status):
    async with web.request(method, address + path) as response:
        found_status, content_type, document = await answer(response)

        assert (found_status, content_type, document["status"]) == (status, "application/problem+json", status)
        assert document["detail"]
        assert response.headers.get("Allow") == ("GET,HEAD" if status == 405 else None)


# readiness


async def readyz(web, address, query=""):
    async with web.get(f"{address}/readyz{query}") as response:
        status, _, document = await answer(response)
    return status, document


def statuses(document):
    return {name: check["status"] for name, check in document["checks"].items()}


async def test_readyz_is_ok_when_all_is_well(serving, web, store):
    await add_worker(store, "w1")
    with serving(durability="best-effort") as address:
        status, document = await readyz(web, address, "?strict")

    assert (status, document["status"]) == (200, "ok")
    assert statuses(document) == dict.fromkeys(
        ("store", "data", "durability", "memory", "workers", "policy", "types", "paused"), "ok"
    )


@pytest.mark.parametrize(
    ("trouble", "check", "text"),
    [
        ("nothing runs", "workers", "no worker is alive"),
        ("stale worker", "workers", "1 alive, 1 stale"),
        ("type nobody runs", "types", "no live worker runs new.type"),
        ("paused type", "paused", "an operator paused doc.embed"),
        ("no append-only file", "durability", "appendonly"),
        ("plugin", "plugin disk.space", "2 MB left"),
    ],
)
async def test_trouble_of_the_fleet_degrades_and_only_strict_makes_it_503(serving, web, store, trouble, check, text):
    if trouble != "nothing runs":
        await add_worker(store, "w1")
    if trouble == "stale worker":
        await add_worker(store, "w2", left_ms=-5000)
    if trouble == "type nobody runs":
        await store.redis.zadd(store.keys.queue("new.type"), {"j": 1})
        await add_type(store, "new.type")
    if trouble == "paused type":
        await add_type(store, "doc.embed", paused=True)
    durability = "aof" if trouble == "no append-only file" else "best-effort"
    plugin_checks = (lambda: {"disk.space": "2 MB left"}) if trouble == "plugin" else dict

    with serving(durability=durability, plugin_checks=plugin_checks) as address:
        status, document = await readyz(web, address)
        strict_status, strict = await readyz(web, address, "?strict")

    assert (status, document["status"], strict_status, strict["readiness"]) == (200, "degraded", 503, "degraded")
    assert [name for name, found in statuses(document).items() if found != "ok"] == [check]
    assert text in document["checks"][check]["reason"]
    assert text in strict["detail"]


async def test_a_server_with_an_append_only_file_is_durable(serving, web, own_server):
    with serving(own_server.url) as address:
        _, document = await readyz(web, address)

    assert document["checks"]["durability"] == {"status": "ok", "reason": "append-only file on"}


async def test_a_store_that_was_emptied_is_told(serving, web, own_server, namespace):
    store = Store(own_server.url, namespace)
    with serving(own_server.url) as address:
        await add_type(store, "doc.embed")
        await store.redis.hset(store.keys.control, "epoch", "5")  # type: ignore[misc] # the stub allows both kinds of client
        assert (await readyz(web, address))[1]["checks"]["data"]["status"] == "ok"
        await store.redis.flushall()
        _, document = await readyz(web, address)
    await store.aclose()

    assert "the store lost its data" in document["checks"]["data"]["reason"]


async def test_a_store_that_is_down_is_503_until_it_is_back(serving, web, own_server):
    with serving(own_server.url) as address:
        assert (await readyz(web, address))[0] == 200
        own_server.kill()
        status, document = await readyz(web, address)
        async with web.get(f"{address}/metrics") as response:
            metrics_status, content_type, _ = await answer(response)
        async with web.get(f"{address}/healthz") as response:
            health_status = response.status
        own_server.start()
        status_again, _ = await readyz(web, address)

    assert (status, document["readiness"], statuses(document)) == (503, "failing", {"store": "failing"})
    assert document["checks"]["store"]["reason"] in document["detail"]
    assert (metrics_status, content_type, health_status, status_again) == (503, "application/problem+json", 200, 200)


async def test_a_replica_is_503_with_its_reason(serving, web, make_server):
    replica = make_server({"replicaof": "127.0.0.1 1", "replica-serve-stale-data": "yes"})
    with serving(replica.url) as address:
        status, document = await readyz(web, address)

    assert (status, statuses(document)) == (503, {"store": "failing"})
    assert "takes no writes" in document["checks"]["store"]["reason"]


async def test_a_server_that_is_full_degrades(serving, web, own_server, namespace):
    store = Store(own_server.url, namespace)
    await add_worker(store, "w1")
    await store.redis.config_set("maxmemory", "1mb")
    with serving(own_server.url) as address:
        status, document = await readyz(web, address)
    await store.aclose()

    assert (status, document["status"], document["checks"]["memory"]["status"]) == (200, "degraded", "degraded")


async def test_a_store_with_keys_that_no_jobframe_wrote_is_503_with_its_reason(serving, web, store):
    await add_type(store, "doc.embed")
    await store.redis.hset(store.keys.counters("doc.embed"), "completed", "\x80NaN")
    with serving(durability="best-effort") as address:
        status, document = await readyz(web, address)

    assert (status, statuses(document)) == (503, {"store": "failing"})
    assert "what it holds beside the jobs cannot be read (ValueError)" in document["checks"]["store"]["reason"]


async def test_a_store_that_does_not_answer_is_503_in_time(serving, web, own_server, monkeypatch):
    monkeypatch.setattr(source, "PATIENCE_S", 0.2)
    with serving(own_server.url) as address:
        own_server.process.send_signal(signal.SIGSTOP)
        try:
            status, document = await readyz(web, address)
        finally:
            own_server.process.send_signal(signal.SIGCONT)

    assert (status, document["checks"]["store"]["reason"]) == (503, "the server did not answer within 0.2 s")


@pytest.mark.parametrize(("age_ms", "status"), [(100, 200), (LEASE, 503), (None, 503)])
async def test_an_own_worker_without_its_lease_is_503(serving, web, store, age_ms, status):
    await add_worker(store, "w1")
    pulse = Pulse(asyncio.get_running_loop(), LEASE, lambda: age_ms)
    with serving(durability="best-effort", pulse=pulse) as address:
        found, document = await readyz(web, address)

    assert (found, document["checks"]["heartbeat"]["status"]) == (status, "ok" if status == 200 else "failing")


async def test_a_blocked_loop_of_the_worker_is_503_and_cannot_silence_the_server(serving, web, store, monkeypatch):
    monkeypatch.setattr(readiness, "LOOP_BLOCKED_MS", 50)
    loop, release, blocked = asyncio.new_event_loop(), threading.Event(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def block():
        blocked.set()
        release.wait(PATIENCE_S)

    loop.call_soon_threadsafe(block)
    try:
        assert blocked.wait(PATIENCE_S)
        with serving(durability="best-effort", pulse=Pulse(loop, LEASE, lambda: 0)) as address:
            async with asyncio.timeout(PATIENCE_S):
                while (found := await readyz(web, address))[0] != 503:
                    pass
            release.set()
            async with asyncio.timeout(PATIENCE_S):
                while (await readyz(web, address))[0] != 200:
                    pass
    finally:
        release.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()

    assert found[1]["checks"]["loop"]["status"] == "failing"
    assert "blocked" in found[1]["checks"]["loop"]["reason"]


async def test_a_plugins_check_that_breaks_or_hangs_degrades_and_stops_nothing(serving, web, store, monkeypatch):
    monkeypatch.setattr(source, "PATIENCE_S", 0.5)
    await add_worker(store, "w1")
    release = threading.Event()

    def broken():
        raise OSError("a path that is nobody's business")

    try:
        for checks, text in ((broken, "raised OSError"), (lambda: release.wait(PATIENCE_S), "no answer within 0.5 s")):
            with serving(durability="best-effort", plugin_checks=checks) as address:
                status, document = await readyz(web, address)

            assert (status, document["checks"]["plugins"]) == (200, {"status": "degraded", "reason": text})
    finally:
        release.set()


# the port


async def test_a_port_held_by_another_jobframe_is_passed_over(address, redis_url, namespace, web, caplog):
    caplog.set_level("INFO")
    second = StatusServer(redis_url, namespace, port=int(address.rpartition(":")[2]))

    assert second.start() is False
    assert second.address == ""
    assert [record.getMessage().split(": ")[-1] for record in caplog.records] == ["passed over"]
    second.stop()
    async with web.get(f"{address}/healthz") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 2\r\n\r\nok", b"SSH-2.0-x\r\n"]
)
def test_a_port_held_by_another_program_is_an_error_that_names_it(redis_url, namespace, reply):
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(PATIENCE_S)
        port = other.getsockname()[1]

        def answer_once():
            client, _ = other.accept()
            with client:
                client.recv(1000)
                client.sendall(reply)

        thread = threading.Thread(target=answer_once)
        thread.start()
        server = StatusServer(redis_url, namespace, port=port)

        with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 is held by another program"):
            server.start()
        server.stop()
        thread.join(PATIENCE_S)


def test_an_address_that_is_not_ours_is_an_error(redis_url, namespace):
    server = StatusServer(redis_url, namespace, host="192.0.2.1", port=0)

    with pytest.raises(ConfigError, match=r"status\.port: cannot listen on 192\.0\.2\.1"):
        server.start()
    server.stop()


def test_a_url_that_means_no_server_is_an_error(namespace):
    server = StatusServer("gopher://x", namespace, port=0)

    with pytest.raises(ConfigError):
        server.start()
    server.stop()


def test_stopping_ends_the_thread_and_frees_the_port(redis_url, namespace):
    server = StatusServer(redis_url, namespace, port=0)
    server.start()
    port = int(server.address.rpartition(":")[2])
    server.stop()
    server.stop()

    assert "jobframe-status" not in [thread.name for thread in threading.enumerate()]
    socket.create_server(("127.0.0.1", port)).close()


# hostile clients


async def connect(address):
    host, _, port = address.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def closed(address, request=b""):
    """Send the beginning of a request, and wait until the server closes the connection without an answer."""
    reader, writer = await connect(address)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_headers_that_drip_are_cut_off(serving, monkeypatch):
    monkeypatch.setattr(listener, "LIFE_S", 0.2)
    with serving(durability="best-effort") as address:
        await closed(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")


async def test_a_connection_carries_one_request(address):
    """So that nobody can pile up answers that he does not read."""
    reader, writer = await connect(address)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)

    async with asyncio.timeout(PATIENCE_S):
        head, _, rest = (await reader.readuntil(b"}\n")).partition(b"\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # how it ends when the server had not read all of its bytes
            assert b"" == await reader.read()
    writer.close()

    assert (b"HTTP/1.1 200 OK", b'{"status":"ok"}\n') == (head.splitlines()[0], rest)
    assert b"Connection: close" in head.splitlines()


async def test_an_answer_that_nobody_reads_is_given_up(serving, monkeypatch):
    monkeypatch.setattr(listener, "LIFE_S", 0.2)
    monkeypatch.setattr(app, "metrics", lambda _: "x" * 20_000_000)  # more than the kernel takes
    with serving(durability="best-effort") as address:
        reader, writer = await connect(address)
        writer.transport.pause_reading()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await closed(address)  # it came later, and its time is over
        writer.transport.resume_reading()

        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):
                assert len(await reader.read()) < 20_000_000
        writer.close()


async def test_health_answers_beside_more_idle_connections_than_are_kept(address, web):
    """The oldest go, so that a crowd of slow clients never keeps a probe out."""
    crowd = [await connect(address) for _ in range(listener.MOST_CONNECTIONS + 20)]
    for _, writer in crowd:
        writer.write(b"GET /healthz HTTP/1.1\r\nX-Slow: ")

    async with web.get(f"{address}/healthz") as response:
        assert response.status == 200

    with contextlib.suppress(ConnectionResetError):  # how it ends when the server had not read all of its bytes
        async with asyncio.timeout(PATIENCE_S):
            assert await crowd[0][0].read() == b""
    for _, writer in crowd:
        writer.close()


async def test_a_crowd_pushes_nobody_out_whose_answer_is_being_made(serving, web):
    asked, release = threading.Event(), threading.Event()

    def slow_check():
        asked.set()
        release.wait(PATIENCE_S)
        return {}

    with serving(durability="best-effort", plugin_checks=slow_check) as address:
        reader, writer = await connect(address)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asyncio.to_thread(asked.wait, PATIENCE_S)
        crowd = [await connect(address) for _ in range(listener.MOST_CONNECTIONS + 20)]
        async with web.get(f"{address}/healthz") as response:
            assert response.status == 200
        release.set()

        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        for _, one in [*crowd, (reader, writer)]:
            one.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"x" * 1_000_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n", 431),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 1000, 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n", 400),
    ],
)
async def test_requests_that_are_too_big_or_no_requests_are_refused(address, request_bytes, status, caplog):
    reader, writer = await connect(address)
    writer.write(request_bytes)
    async with asyncio.timeout(PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert int(head.split()[1]) == status
    assert b"application/problem+json" in head
    assert b"Server: jobframe\r\n" in head
    assert caplog.records == []


async def test_a_compressed_body_is_not_unpacked(address):
    """A bomb is small on the wire: it is never read, so it never grows."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(
            f"{address}/healthz", data=b"\x1f\x8b" + bytes(500), headers={"Content-Encoding": "gzip"}
        ) as response,
    ):
        assert response.status == 200


async def test_a_flood_of_metrics_is_few_calls_to_the_store(address, web, store):
    before = (await store.redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]
    gates = [web.get(f"{address}/metrics") for _ in range(60)]
    responses = await asyncio.gather(*gates)
    for response in responses:
        response.release()
    calls = (await store.redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before

    assert [response.status for response in responses] == [200] * 60
    assert calls < 60
