"""``jobframe doctor``, and the worker that looks at its server before it starts."""

import asyncio
import json

import pytest

from jobframe.store.keys import Keys
from jobframe.store.store import Store


def delete(hands, key):
    async def go():
        store = Store(hands.url, hands.namespace)
        await store.redis.delete(key)
        await store.aclose()

    asyncio.run(go())


def test_a_sound_store_is_well(hands, cli):
    hands.announce("doc.embed")
    cli("enqueue", "doc.embed", "document_id=1")
    code, out, _ = cli("doctor")

    assert 0 == code
    assert "jobs        every one is where it belongs" in out
    assert "warning     the server keeps no append-only file" in out


def test_a_lost_payload_is_found_named_and_mended(hands, cli):
    hands.announce("doc.embed")
    cli("enqueue", "doc.embed", "--id", "x")
    delete(hands, Keys(hands.namespace).payload("doc.embed"))

    code, out, _ = cli("doctor")
    assert 1 == code
    assert "doc.embed:x" in out
    assert "jobframe doctor --repair mends them" in out
    assert (0, {"lost": ["doc.embed:x"]}) == trouble(cli, "--repair")
    assert (0, {}) == trouble(cli)


def trouble(cli, *options):
    code, out, _ = cli("doctor", *options, "--json")
    document = json.loads(out)
    assert document["ok"] == (code == 0)
    return code, document["troubles"]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_refuses_a_server_that_drops_keys(hands, folder, make_server, cli, processes):
    evicting = make_server({"maxmemory-policy": "allkeys-lru", "maxmemory": "64mb"})
    (folder / "jobs.toml").write_text(f'[redis]\nurl = "{evicting.url}"\n[status]\nport = 0\n')

    code, _, err = cli("worker", "--burst", "--processes", processes)
    assert 3 == code
    assert "redis: the server's maxmemory-policy drops keys" in err
    code, out, _ = cli("doctor")
    assert (1, True) == (code, "refused     the server's maxmemory-policy" in out)

    (folder / "jobs.toml").write_text(
        f'[redis]\nurl = "{evicting.url}"\n[status]\nport = 0\n[runtime]\ndurability = "best-effort"\n'
    )
    assert 0 == cli("doctor")[0]
    assert 0 == cli("worker", "--burst", "--no-status")[0]
