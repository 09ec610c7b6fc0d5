"""Three nodes of a cluster, and the moving of a slot from one to another, key by key, as an operator does it."""

from __future__ import annotations

import time
from typing import Any

import attrs
import pytest
import redis
from redis.crc import key_slot

from jobframe.store.keys import Keys
from tests.replicas import PATIENCE_S

SLOTS = 16_384
OPTIONS = {
    "cluster-enabled": "yes",
    "appendonly": "yes",
    "cluster-node-timeout": "2000",
    "repl-diskless-sync-delay": "0",
}


@attrs.frozen
class Node:
    """
    A node.

    Attributes:
        server: Its process.
        client: A client of it alone.
        id: By which the others know it.

    """

    server: Any
    client: redis.Redis
    id: str

    @property
    def address(self):
        """Where it is."""
        return "127.0.0.1", self.server.ports["port"]

    def errors(self, code):
        """How often it answered with that error."""
        return self.client.info("errorstats").get(f"errorstat_{code}", {"count": 0})["count"]


@attrs.frozen
class Cluster:
    """
    Some nodes.

    Attributes:
        nodes: Those that hold slots.

    """

    nodes: tuple[Node, ...]

    @property
    def url(self):
        """Two of the three: whoever asks must find the third."""
        return "redis+cluster://" + ",".join(f"{host}:{port}" for host, port in (one.address for one in self.nodes[:2]))

    def owner(self, slot):
        """Return the node that holds *slot*."""
        return next(one for one in self.nodes if _holds(one, slot))

    def move(self, slot, source, target, hold_s=0.0):
        """Move a slot with all its keys, and wait *hold_s* seconds in the middle; returns how many moved."""
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        count = source.client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot)
        moved = 0
        while keys := source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
            source.client.execute_command("MIGRATE", *target.address, "", 0, 5_000, "KEYS", *keys)
            moved += len(keys)
            if moved == count // 2:
                time.sleep(hold_s)
        for one in (target, source, *self.nodes):
            one.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        return moved


def slot_of(namespace):
    """Return where all keys of a namespace are."""
    return key_slot(Keys(namespace).control.encode())


def make_cluster(make_server, nodes=3):
    """Start nodes that share the slots, and wait until all of them say that it is well."""
    servers = [make_server(OPTIONS, ports=("port", "cluster-port")) for _ in range(nodes)]
    cluster = Cluster(tuple(map(_node, servers)))
    share = -(-SLOTS // nodes)
    for number, one in enumerate(cluster.nodes):
        last = min((number + 1) * share, SLOTS) - 1
        one.client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        meet(cluster.nodes[0], one)
    until(lambda: all(_is_well(one, nodes) for one in cluster.nodes), "the nodes agree")
    return cluster


def make_follower(make_server, cluster, primary):
    """Start a node that follows *primary*, and wait until it has all, and all know it."""
    follower = _node(make_server(OPTIONS, ports=("port", "cluster-port")))
    meet(primary, follower)
    until(lambda: primary.id in _known(follower), "the nodes know one another")
    follower.client.execute_command("CLUSTER", "REPLICATE", primary.id)
    until(lambda: follower.client.info("replication").get("master_link_status") == "up", "it follows")
    until(lambda: all(_lists(one, follower) for one in cluster.nodes), "all know that it does")
    return follower


def meet(one, other):
    """Have two nodes meet."""
    host, port = other.address
    one.client.execute_command("CLUSTER", "MEET", host, port, other.server.ports["cluster-port"])


def until(condition, what):
    """Wait until *condition* is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"still not so: {what}")
        time.sleep(0.05)


def _node(server):
    client = redis.Redis(port=server.ports["port"], decode_responses=True)
    return Node(server, client, client.execute_command("CLUSTER", "MYID"))


def _known(node):
    """Return the flags of each node that this one knows."""
    return {name: one["flags"] for one in node.client.cluster("NODES").values() for name in [one["node_id"]]}


def _holds(node, slot):
    ranges = node.client.execute_command("CLUSTER", "SLOTS")
    return any(first <= slot <= last and owner[2] == node.id for first, last, owner, *_ in ranges)


def _lists(node, other):
    ranges = node.client.execute_command("CLUSTER", "SLOTS")
    return any(holder[2] == other.id for _, _, *holders in ranges for holder in holders)


def _is_well(node, nodes):
    facts = node.client.execute_command("CLUSTER INFO")
    return facts["cluster_state"] == "ok" and len(_known(node)) == nodes and "fail" not in str(_known(node))
