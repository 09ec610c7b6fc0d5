"""
The way to the node of a cluster that holds a namespace; a client finds it when it connects, and follows its slot.

All keys of a namespace lie in one slot, so one node is all that there is to talk to: as with sentinels, only finding it
differs. While the slot moves from node to node every script is refused (see ``shared.lua``), and so are reads of keys
that have left; all this is sent again, for a few seconds at most, until the new node has everything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.cluster
import redis.retry
from redis import exceptions as redis_errors
from redis.backoff import EqualJitterBackoff
from redis.crc import key_slot

from jobframe.core import ids

__all__ = ["MOVING", "cluster_pool", "cluster_pool_blocking"]

Address = tuple[str, int]

MOVING = (redis_errors.AskError, redis_errors.TryAgainError, redis_errors.ClusterDownError)
"""Refusals that end when the slot has moved, or has a node again; a ``MovedError`` is an ``AskError``."""

_UNREACHABLE = (redis_errors.ConnectionError, redis_errors.TimeoutError)
_SENT_AGAIN = 30
_BACKOFF = EqualJitterBackoff(cap=0.25, base=0.01)
"""Together about 5 seconds."""
_LOOK_UP_S = 3.0
_SAME_HOST = (None, b"", b"?")
"""How a node names a host when it knows no name for it: it is the host that was asked."""


def cluster_pool(hosts: Sequence[Address], key: str, options: dict[str, Any]) -> redis.asyncio.ConnectionPool:
    """Return a pool of connections to the node that holds *key*, found through *hosts*."""
    retry = redis.asyncio.retry.Retry(_BACKOFF, _SENT_AGAIN, MOVING)
    follower, parser = (_TlsFollower if options.get("ssl") else _Follower), redis.asyncio.cluster.ClusterParser
    return redis.asyncio.ConnectionPool(follower, **_for_pool(_Way(hosts, key, options), retry, parser))


def cluster_pool_blocking(hosts: Sequence[Address], key: str, options: dict[str, Any]) -> redis.ConnectionPool:
    """Return its twin without an event loop."""
    retry = redis.retry.Retry(_BACKOFF, _SENT_AGAIN, MOVING)
    follower, parser = (_BlockingTlsFollower if options.get("ssl") else _BlockingFollower), redis.cluster.ClusterParser
    return redis.ConnectionPool(follower, **_for_pool(_Way(hosts, key, options), retry, parser))


def _for_pool(way: _Way, retry: Any, parser: type[Any]) -> dict[str, Any]:
    options = {name: value for name, value in way.options.items() if name != "ssl"}
    return options | {"way": way, "retry": retry, "retry_on_error": list(MOVING), "parser_class": parser}


class _Way:
    """
    What is known of the way to a key; all connections of a pool share it.

    Attributes:
        owner: The node that holds it; None when nobody knows.
        options: Of a client for any of the nodes.

    """

    def __init__(self, hosts: Sequence[Address], key: str, options: dict[str, Any]) -> None:
        self.owner: Address | None = None
        self.options = options
        self._hosts = hosts
        self._nodes: Iterable[Address] = hosts
        self._slot = key_slot(key.encode())

    def to_ask(self) -> list[Address]:
        """Return the nodes in any order, so that one with an old view is not the first each time."""
        return sorted(self._nodes, key=lambda _: ids.roll())

    def learn(self, slots: Sequence[Any], asked: str) -> Address | None:
        """Read what the node *asked* tells of all slots; None when this one has no node."""
        owner, nodes = None, list(self._hosts)
        for first, last, *holders in slots:
            addresses = [(asked if host in _SAME_HOST else host.decode(), port) for host, port, *_ in holders]
            nodes += addresses
            if first <= self._slot <= last:
                owner = addresses[0]
        self.owner, self._nodes = owner, dict.fromkeys(nodes)
        return owner

    def heed(self, refusal: redis_errors.ResponseError, asked: str) -> None:
        """Go where the node *asked* says that the slot is."""
        if isinstance(refusal, redis_errors.MovedError):
            self.owner = (asked if refusal.host.encode() in _SAME_HOST else refusal.host, refusal.port)
        elif isinstance(refusal, redis_errors.ClusterDownError):
            self.owner = None

    def client_options(self, address: Address) -> dict[str, Any]:
        """Return what a client needs to ask a node."""
        return self.options | {"host": address[0], "port": address[1], "socket_timeout": _LOOK_UP_S}


def _meant(error: redis_errors.RedisError) -> Exception:
    """Tell a server that is no part of a cluster from one that cannot answer."""
    return redis_errors.RedisClusterException(str(error)) if "cluster support disabled" in str(error) else error


class _Follower(redis.asyncio.Connection):
    """A connection that connects to where the slot is."""

    def __init__(self, *, way: _Way, **options: Any) -> None:
        super().__init__(**options)
        self._way = way

    async def connect(self) -> None:
        if self.is_connected:
            return
        if self._way.owner is not None:
            with contextlib.suppress(*_UNREACHABLE):
                await self._connect_to(self._way.owner)
                return
        await self._connect_to(await self._look_up())

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except redis_errors.ResponseError as error:
            self._way.heed(error, self.host)
            raise

    async def _connect_to(self, address: Address) -> None:
        self.host, self.port = address
        await super().connect()  # type: ignore[no-untyped-call] # redis-py

    async def _look_up(self) -> Address:
        failure: Exception = redis_errors.SlotNotCoveredError("the slot has no node")
        for address in self._way.to_ask():
            try:
                async with redis.asyncio.Redis(**self._way.client_options(address)) as node:
                    slots = await node.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call] # redis-py
            except redis_errors.RedisError as error:
                failure = _meant(error)
                continue
            if owner := self._way.learn(slots, address[0]):
                return owner
        raise failure


class _TlsFollower(_Follower, redis.asyncio.SSLConnection):
    """The same with TLS."""


class _BlockingFollower(redis.Connection):
    """Its twin without an event loop."""

    def __init__(self, *, way: _Way, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call] # redis-py
        self._way = way

    def connect(self) -> None:
        if self._sock:
            return
        if self._way.owner is not None:
            with contextlib.suppress(*_UNREACHABLE):
                self._connect_to(self._way.owner)
                return
        self._connect_to(self._look_up())

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[no-untyped-call] # redis-py
        except redis_errors.ResponseError as error:
            self._way.heed(error, self.host)
            raise

    def _connect_to(self, address: Address) -> None:
        self.host, self.port = address
        super().connect()  # type: ignore[no-untyped-call] # redis-py

    def _look_up(self) -> Address:
        failure: Exception = redis_errors.SlotNotCoveredError("the slot has no node")
        for address in self._way.to_ask():
            try:
                with redis.Redis(**self._way.client_options(address)) as node:
                    slots = node.execute_command("CLUSTER", "SLOTS")
            except redis_errors.RedisError as error:
                failure = _meant(error)
                continue
            if owner := self._way.learn(slots, address[0]):
                return owner
        raise failure


class _BlockingTlsFollower(_BlockingFollower, redis.SSLConnection):
    """The same with TLS."""
