"""A primary, its replica and three sentinels that agree on both."""

from __future__ import annotations

import time

import attrs
import pytest
import redis

from tests.replicas import PATIENCE_S, make_primary, make_replica

NAME = "jobs"


@attrs.frozen
class Sentinels:
    """
    What three sentinels watch.

    Attributes:
        url: The way to the primary, through them.
        servers: The first primary and its replica.
        one: A client of one of the sentinels.

    """

    url: str
    servers: tuple
    one: redis.Redis

    def primary(self):
        """Return the server that they take for the primary."""
        port = int(self.one.sentinel_get_master_addr_by_name(NAME)[1])
        return next(server for server in self.servers if server.ports["port"] == port)

    def agree(self):
        """Whether they would promote a replica: enough of them are there, and they know one."""
        facts = self.one.sentinel_master(NAME)
        return facts["num-other-sentinels"] == 2 and facts["num-slaves"] == 1


def make_sentinels(make_server):
    """Start them all, and wait until they know one another."""
    durable = {"appendonly": "yes"}
    primary = make_primary(make_server, **durable)
    replica = make_replica(make_server, primary, **durable | {"repl-diskless-sync-delay": "0"})
    options = {
        "sentinel monitor": f"{NAME} 127.0.0.1 {primary.ports['port']} 2",
        "sentinel down-after-milliseconds": f"{NAME} 1000",
        "sentinel failover-timeout": f"{NAME} 10000",
    }
    made = [make_server(options, ports=("port",), sentinel=True) for _ in range(3)]
    hosts = ",".join(f"127.0.0.1:{each.ports['port']}" for each in made)
    one = redis.Redis(port=made[0].ports["port"], decode_responses=True)
    sentinels = Sentinels(f"redis+sentinel://{hosts}/{NAME}/0", (primary, replica), one)
    deadline = time.monotonic() + PATIENCE_S
    while not sentinels.agree():
        if time.monotonic() > deadline:
            pytest.fail(f"the sentinels do not agree: {one.sentinel_master(NAME)}")
        time.sleep(0.1)
    return sentinels
