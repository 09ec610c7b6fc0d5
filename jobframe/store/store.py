"""One namespace on one server: the client, the keys, and the running of scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from jobframe.core.errors import ConfigError, Problem, StoreUnavailable
from jobframe.store.cluster import MOVING
from jobframe.store.connection import STORE_ERRORS, BlockingClient, Client, classify, connect, connect_blocking, parse
from jobframe.store.keys import Keys
from jobframe.store.reach import Reach
from jobframe.store.scripts import script

__all__ = ["BlockingStore", "Store"]

Argument = str | bytes | float

_WAIT = ("WAIT", 1, 2_000)
"""One replica, and milliseconds that it may take: less than the wait for the server's answer."""

_NO_REPLICA = (
    'no replica follows the server, and durability = "replicated" waits for one: start a replica, or ask for '
    'durability = "aof"'
)
_NOT_CONFIRMED = (
    'no replica has confirmed what the server took, and durability = "replicated" waits for one: it is done, but a '
    "fail-over may lose it; see whether the replicas follow"
)
_NO_CLUSTER = (
    "a cluster has no way to wait for the replica of one node: name one server or its sentinels in [redis] url, or "
    'ask for durability = "aof"'
)


def _server_clock() -> str:
    return ""


class Store:
    """
    The queues of one namespace.

    Attributes:
        redis: The client; only modules of this package use it.
        keys: Names of all keys.
        url: Where the server is.
        reach: Whether it answers, as far as is known.

    """

    def __init__(
        self,
        url: str,
        namespace: str = "default",
        durability: str = "aof",
        *,
        clock: Callable[[], str] = _server_clock,
    ) -> None:
        """
        Make a store; it connects when it is first used.

        Args:
            url: Where the server is, as `connection.parse` reads it.
            namespace: Which set of queues.
            durability: As ``[runtime]`` has it.
            clock: For tests: the milliseconds that scripts take for now; empty is the server's own clock.

        Raises:
            ConfigError: The URL means no server, or a cluster whose replicas cannot be waited for.
            ValueError: The namespace has impossible characters.

        """
        self._replicated = durability == "replicated"
        if self._replicated and parse(url).kind == "cluster":
            raise ConfigError(Problem("runtime.durability", _NO_CLUSTER))
        self.url = url
        self.keys = Keys(namespace)
        self.redis: Client = connect(url, self.keys.control)
        self.reach = Reach()
        self._address = parse(url).address
        self._clock = clock

    async def run(self, name: str, *args: str | bytes | float) -> Any:
        """
        Run the script of that *name*; the caller's typed function knows what it answers.

        Raises:
            StoreUnavailable: The server cannot be reached or used.
            StoreFull: Its memory is full and the script would add to it.

        """
        try:
            try:
                return await self.redis.execute_command(*self._by_hash(name, args))  # type: ignore[no-untyped-call] # redis-py
            except NoScriptError:
                return await self.redis.execute_command(*self._by_text(name, args))  # type: ignore[no-untyped-call] # redis-py
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None

    async def run_durably(self, name: str, *args: Argument) -> Any:
        """
        Run the script of that *name*, and with ``durability = "replicated"`` wait until a replica has what it wrote.

        A replica confirms up to the last write of this very connection. So a script that may be run again for the same
        purpose must write each time.

        Raises:
            StoreUnavailable: As `run`; when no replica follows, *acknowledged* is False, when none confirms, None.
            StoreFull: As `run`.

        """
        if not self._replicated:
            return await self.run(name, *args)
        (followers,) = await self._pipe(_WAIT)  # of a replica it is an error; the script's own will say why
        if followers == 0:
            raise StoreUnavailable(f"{self._address}: {_NO_REPLICA}", acknowledged=False)
        answer, confirmed = await self._pipe(self._by_hash(name, args), _WAIT)
        if isinstance(answer, NoScriptError):
            answer, confirmed = await self._pipe(self._by_text(name, args), _WAIT)
        for reply in (answer, confirmed):
            if isinstance(reply, STORE_ERRORS):
                raise classify(reply, self._address) from None
        if confirmed == 0:
            raise StoreUnavailable(f"{self._address}: {_NOT_CONFIRMED}", acknowledged=None)
        return answer

    async def run_both(
        self, first: tuple[str, Sequence[Argument]], second: tuple[str, Sequence[Argument]]
    ) -> tuple[Any, Any]:
        """
        Run two scripts, one after the other, in one round trip; each is its name and its arguments.

        Raises:
            StoreUnavailable: The server cannot be reached or used; either, both or none of them may have run.

        """
        replies = await self._pipe(self._by_hash(*first), self._by_hash(*second))
        one, other = [
            await self._checked(name, args, reply) for (name, args), reply in zip((first, second), replies, strict=True)
        ]
        return one, other

    def _by_hash(self, name: str, args: Sequence[Argument]) -> tuple[Argument, ...]:
        return "EVALSHA", script(name).sha, 2, self.keys.control, self.keys.guard, self._clock(), *args

    def _by_text(self, name: str, args: Sequence[Argument]) -> tuple[Argument, ...]:
        return "EVAL", script(name).text, 2, self.keys.control, self.keys.guard, self._clock(), *args

    async def _pipe(self, *commands: tuple[Argument, ...]) -> list[Any]:
        """Send *commands* together over one connection; an error of one stands in place of its answer."""
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return await pipe.execute(raise_on_error=False)
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None

    async def _checked(self, name: str, args: Sequence[Argument], reply: Any) -> Any:
        if isinstance(reply, (NoScriptError, *MOVING)):  # it did nothing
            return await self.run(name, *args)
        if isinstance(reply, STORE_ERRORS):
            raise classify(reply, self._address) from None
        return reply

    async def read_hash(self, key: str, fields: list[str] | None = None) -> dict[str, bytes]:
        """
        Read *fields* of a hash, or all; absent ones are absent.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        try:
            if fields is None:
                found = await self.redis.hgetall(key)  # type: ignore[misc] # the stub allows both kinds of client
                return {name.decode(): value for name, value in found.items()}
            values = await self.redis.hmget(key, fields) if fields else []  # type: ignore[misc] # same
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None
        return {name: value for name, value in zip(fields, values, strict=True) if value is not None}

    async def read_list(self, key: str) -> list[bytes]:
        """
        Read a whole list.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        try:
            return await self.redis.lrange(key, 0, -1)  # type: ignore[misc,no-any-return] # the stub allows both kinds of client
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self.redis.aclose()


class BlockingStore:
    """The same for code outside an event loop, such as the lease thread: scripts only."""

    def __init__(
        self, url: str, namespace: str = "default", *, answer_s: float = 5.0, clock: Callable[[], str] = _server_clock
    ) -> None:
        """Make a store; *answer_s* is the longest wait for an answer, *clock* is as for `Store`."""
        self.keys = Keys(namespace)
        self.redis: BlockingClient = connect_blocking(url, self.keys.control, answer_s=answer_s)
        self._execute: Callable[..., Any] = self.redis.execute_command
        self._clock = clock
        self._address = parse(url).address

    def run(self, name: str, *args: str | bytes | float) -> Any:
        """
        Run the script of that *name*.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        lua = script(name)
        call = (2, self.keys.control, self.keys.guard, self._clock(), *args)
        try:
            try:
                return self._execute("EVALSHA", lua.sha, *call)
            except NoScriptError:
                return self._execute("EVAL", lua.text, *call)
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None

    def close(self) -> None:
        """Close every connection."""
        self.redis.close()
