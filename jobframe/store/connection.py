"""The way to a server: clients for every kind of URL, their patience, and the same address in arq's words."""

from __future__ import annotations

import socket
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.connection
import redis.sentinel

from jobframe.core.errors import ConfigError, Problem
from jobframe.store.cluster import cluster_pool, cluster_pool_blocking
from jobframe.store.endpoint import Endpoint, parse
from jobframe.store.failure import STORE_ERRORS, classify
from jobframe.store.sentinel import BlockingPrimaryPool, PrimaryPool

if TYPE_CHECKING:
    from arq.connections import RedisSettings

__all__ = [
    "STORE_ERRORS",
    "BlockingClient",
    "Client",
    "Endpoint",
    "arq_settings",
    "classify",
    "connect",
    "connect_blocking",
    "parse",
]

Client = redis.asyncio.Redis
BlockingClient = redis.Redis

_CONNECT_S = 3.0
_ANSWER_S = 5.0
_IDLE = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))  # macOS has the other name
_KEEPALIVE = {option: value for option, value in (
    (_IDLE, 15), (getattr(socket, "TCP_KEEPINTVL", None), 5), (getattr(socket, "TCP_KEEPCNT", None), 3),
) if option is not None}  # fmt: skip
"""A host that vanished is noticed within 15 + 3 x 5 seconds on a connection that only waits."""


def connect(url: str, key: str = "", *, answer_s: float = _ANSWER_S) -> Client:
    """
    Make a client; it connects when it is first used, and never sends anything twice by itself unless it was refused.

    Args:
        url: Where, as `parse` reads it.
        key: In whose slot of a cluster all keys lie that it will be asked for.
        answer_s: Longest wait for an answer, in seconds. A connection for blocking commands needs longer than these
            block.

    Raises:
        ConfigError: The URL means no server.

    """
    client: Client = _make(_ASYNCIO, parse(url), key, answer_s)
    pool = client.connection_pool
    pool.connection_class = _made_fast(pool.connection_class)  # type: ignore[arg-type] # a class is hashable
    return client


def connect_blocking(url: str, key: str = "", *, answer_s: float = _ANSWER_S) -> BlockingClient:
    """
    Make a client for code without an event loop; otherwise like `connect`.

    Raises:
        ConfigError: The URL means no server.

    """
    client: BlockingClient = _make(_BLOCKING, parse(url), key, answer_s)
    return client


def arq_settings(url: str) -> RedisSettings:
    """
    Say the same address in arq's words; its own reader knows neither sentinels nor TLS options.

    Raises:
        ConfigError: The URL means no server, or a cluster, which arq cannot use.

    """
    from arq.connections import RedisSettings  # noqa: PLC0415 - only the processes that speak arq pay for it

    endpoint = parse(url)
    if endpoint.kind == "cluster":
        raise ConfigError(Problem("redis.url", "arq cannot use a cluster: name one server, or use redis+sentinel://"))
    (host, port) = endpoint.hosts[0] if endpoint.hosts else ("localhost", 0)
    return RedisSettings(
        host=list(endpoint.hosts) if endpoint.kind == "sentinel" else host,
        port=port,
        unix_socket_path=endpoint.path or None,
        database=endpoint.db,
        username=endpoint.username,
        password=endpoint.password,
        ssl=endpoint.tls,
        ssl_ca_certs=endpoint.ca_certs,
        ssl_certfile=endpoint.certfile,
        ssl_keyfile=endpoint.keyfile,
        ssl_check_hostname=endpoint.tls,
        conn_timeout=int(_CONNECT_S),
        sentinel=endpoint.kind == "sentinel",
        sentinel_master=endpoint.service,
    )


def _make(family: _Family, endpoint: Endpoint, key: str, answer_s: float) -> Any:
    options = _options(endpoint, answer_s)
    if endpoint.kind == "unix":
        return family.redis(unix_socket_path=endpoint.path, **options)
    if endpoint.kind == "cluster":
        return family.redis.from_pool(family.cluster_pool(endpoint.hosts, key, options))
    if endpoint.kind == "sentinel":
        each_s = min(answer_s, _CONNECT_S) / len(endpoint.hosts)  # a renewal may have to wait for all of them
        sentinel_options = {**options, "socket_timeout": each_s, "socket_connect_timeout": each_s, "db": 0}
        sentinel_options |= {"username": endpoint.sentinel_username, "password": endpoint.sentinel_password}
        sentinel = family.sentinel(endpoint.hosts, sentinel_kwargs=sentinel_options, **options)
        return sentinel.master_for(endpoint.service, connection_pool_class=family.primary_pool)
    host, port = endpoint.hosts[0]
    return family.redis(host=host, port=port, **options)


def _options(endpoint: Endpoint, answer_s: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "db": endpoint.db,
        "username": endpoint.username,
        "password": endpoint.password,
        "socket_timeout": answer_s,
        "client_name": "jobframe",
    }
    if endpoint.kind == "unix":
        return options
    options |= {
        "socket_connect_timeout": _CONNECT_S,
        "socket_keepalive": True,
        "socket_keepalive_options": _KEEPALIVE,
    }
    if endpoint.tls:
        options |= {
            "ssl": True,
            "ssl_check_hostname": True,
            "ssl_ca_certs": endpoint.ca_certs,
            "ssl_certfile": endpoint.certfile,
            "ssl_keyfile": endpoint.keyfile,
        }
    return options


class _Fast:
    """
    What the asyncio half of redis-py does for every command, without its detours through the event loop.

    It packs in Python, at half the cost of a batch; it looks for stray bytes by a read with no time to wait, and puts
    each write into a task of its own to bound it. All of this stands between a job that is due and its start.
    """

    _reader: Any
    _writer: Any
    _parser: Any
    is_connected: bool

    def pack_command(self, *args: Any) -> list[bytes]:
        """Pack with hiredis."""
        return _SERIALIZER.pack(*args)  # type: ignore[no-any-return] # redis-py types only a part

    async def can_read_destructive(self) -> bool:
        """Tell whether bytes came that nobody asked for; the transport delivers them without being asked."""
        if self._reader.at_eof():
            raise redis.ConnectionError("the server closed the connection")
        return bool(self._reader._buffer) or self._parser._reader.has_data()  # noqa: SLF001 - neither has another door

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - as there
        """Hand the bytes to a transport that has none left to send; it does so without waiting."""
        if isinstance(command, list) and self.is_connected and not self._writer.transport.get_write_buffer_size():
            self._writer.writelines(command)
        else:
            await super().send_packed_command(command, check_health)  # type: ignore[misc] # redis-py's connection


_SERIALIZER: Any = redis.connection.HiredisRespSerializer()


@cache
def _made_fast(connection_class: type[Any]) -> type[Any]:
    return type(f"Fast{connection_class.__name__}", (_Fast, connection_class), {})


@attrs.frozen
class _Family:
    """The classes of redis-py for one way of waiting."""

    redis: Any
    sentinel: Any
    primary_pool: Any
    cluster_pool: Any


_ASYNCIO = _Family(redis.asyncio.Redis, redis.asyncio.sentinel.Sentinel, PrimaryPool, cluster_pool)
_BLOCKING = _Family(redis.Redis, redis.sentinel.Sentinel, BlockingPrimaryPool, cluster_pool_blocking)
