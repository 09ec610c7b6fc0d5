"""One namespace on one server: the client, the keys, and the running of scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError

from jobframe.store.connection import STORE_ERRORS, BlockingClient, Client, classify, connect, connect_blocking, parse
from jobframe.store.keys import Keys
from jobframe.store.scripts import script

__all__ = ["BlockingStore", "Store"]

Argument = str | bytes | float


def _server_clock() -> str:
    return ""


class Store:
    """
    The queues of one namespace.

    Attributes:
        redis: The client; only modules of this package use it.
        keys: Names of all keys.
        url: Where the server is.

    """

    def __init__(self, url: str, namespace: str = "default", *, clock: Callable[[], str] = _server_clock) -> None:
        """
        Make a store; it connects when it is first used.

        Args:
            url: Where the server is, as `connection.parse` reads it.
            namespace: Which set of queues.
            clock: For tests: the milliseconds that scripts take for now; empty is the server's own clock.

        Raises:
            ConfigError: The URL means no server.
            ValueError: The namespace has impossible characters.

        """
        self.url = url
        self.keys = Keys(namespace)
        self.redis: Client = connect(url)
        self._address = parse(url).address
        self._clock = clock

    async def run(self, name: str, *args: str | bytes | float) -> Any:
        """
        Run the script of that *name*; the caller's typed function knows what it answers.

        Raises:
            StoreUnavailable: The server cannot be reached or used.
            StoreFull: Its memory is full and the script would add to it.

        """
        lua = script(name)
        call = (2, self.keys.control, self.keys.guard, self._clock(), *args)
        try:
            try:
                return await self.redis.execute_command("EVALSHA", lua.sha, *call)
            except NoScriptError:
                return await self.redis.execute_command("EVAL", lua.text, *call)
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None

    async def run_both(
        self, first: tuple[str, Sequence[Argument]], second: tuple[str, Sequence[Argument]]
    ) -> tuple[Any, Any]:
        """
        Run two scripts, one after the other, in one round trip; each is its name and its arguments.

        Raises:
            StoreUnavailable: The server cannot be reached or used; either, both or none of them may have run.

        """
        if isinstance(self.redis, RedisCluster):  # its pipeline refuses scripts
            return await self.run(first[0], *first[1]), await self.run(second[0], *second[1])
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for name, args in (first, second):
                    call = (2, self.keys.control, self.keys.guard, self._clock(), *args)
                    pipe.execute_command("EVALSHA", script(name).sha, *call)
                replies = await pipe.execute(raise_on_error=False)
        except STORE_ERRORS as error:
            raise classify(error, self._address) from None
        one, other = [
            await self._checked(name, args, reply) for (name, args), reply in zip((first, second), replies, strict=True)
        ]
        return one, other

    async def _checked(self, name: str, args: Sequence[Argument], reply: Any) -> Any:
        if isinstance(reply, NoScriptError):
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
        self.redis: BlockingClient = connect_blocking(url, answer_s=answer_s)
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
