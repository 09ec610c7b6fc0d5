"""A primary and servers that follow it; a test freezes, kills or takes away what it likes."""

from __future__ import annotations

import time

import pytest
import redis

PATIENCE_S = 40.0


def make_primary(make_server, **options):
    """Start a server that others may follow without delay."""
    return make_server({"repl-diskless-sync-delay": "0", **options}, ports=("port",))


def make_replica(make_server, primary, **options):
    """Start a server that follows *primary*, and wait until it has all."""
    replica = make_server({"replicaof": f"127.0.0.1 {primary.ports['port']}", **options}, ports=("port",))
    port = replica.ports["port"]
    wait_until(primary, lambda facts: any(facts.get(f"slave{n}", {}).get("port") == port for n in range(9)))
    wait_until(primary, lambda facts: all(one["state"] == "online" for one in _followers(facts)))
    return replica


def wait_until(server, condition):
    """Wait until what *server* tells of its replication is so."""
    deadline = time.monotonic() + PATIENCE_S
    with redis.Redis.from_url(server.url) as client:
        while not condition(client.info("replication")):
            if time.monotonic() > deadline:
                pytest.fail(f"still not so: {client.info('replication')}")
            time.sleep(0.02)


def nobody_follows(facts):
    """Whether a server is followed by none."""
    return not facts["connected_slaves"]


def _followers(facts):
    return [facts[f"slave{n}"] for n in range(facts["connected_slaves"])]
