"""The way to the primary that the sentinels name: pools of connections that leave one which is no longer it."""

from __future__ import annotations

import contextlib
from typing import Any

import redis.asyncio.sentinel
import redis.sentinel

from jobframe.core import clock
from jobframe.store.failure import STORE_ERRORS

__all__ = ["BlockingPrimaryPool", "PrimaryPool"]

_ASK_EVERY_S = 0.5
_ASK_AGAIN_S = 15.0


class _Turn:
    """Says when it is time to ask the sentinels: seldom after they did not answer, because that may take long."""

    def __init__(self) -> None:
        self._at = 0.0

    def has_come(self) -> bool:
        now = clock.monotonic()
        if now < self._at:
            return False
        self._at = now + _ASK_AGAIN_S
        return True

    def was_answered(self) -> None:
        self._at = clock.monotonic() + _ASK_EVERY_S


class PrimaryPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """
    Goes to the new primary while the old one lives on, which may be for ten seconds; what it takes then is lost.

    It also closes the connections to the sentinels together with its own; redis-py leaves them open.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Ask the sentinels at the first use."""
        super().__init__(*args, **options)  # type: ignore[no-untyped-call] # redis-py
        self._turn = _Turn()

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return one to the primary, as far as the sentinels knew half a second ago."""
        if self._turn.has_come():
            with contextlib.suppress(*STORE_ERRORS):  # whoever needs the sentinels will say so
                await self.get_master_address()
                self._turn.was_answered()
        return await super().get_connection(*args, **options)

    async def get_master_address(self) -> Any:
        """Ask the sentinels; the connections ask too when they connect."""
        now = await self.sentinel_manager.discover_master(self.service_name)
        before, self.master_address = self.master_address, now  # what was known when they were asked may be older
        if before not in (None, now):
            await super().disconnect()  # also those in use: of what they carry nothing would be left
        return now

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py has it
        """Close those of the pool, or only the idle ones."""
        await super().disconnect(inuse_connections)
        if inuse_connections:  # otherwise it only follows the primary to another address
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


class BlockingPrimaryPool(redis.sentinel.SentinelConnectionPool):
    """Its twin without an event loop, for one thread that has one connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Ask the sentinels at the first use."""
        super().__init__(*args, **options)  # type: ignore[no-untyped-call] # redis-py
        self._turn = _Turn()

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return one to the primary, as far as the sentinels knew half a second ago."""
        if self._turn.has_come():
            with contextlib.suppress(*STORE_ERRORS):
                self._follow()
        return super().get_connection(*args, **options)

    def _follow(self) -> None:
        before = self.master_address
        now = self.get_master_address()  # type: ignore[no-untyped-call] # redis-py
        if before not in (None, now):
            super().disconnect()
        self._turn.was_answered()

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py has it
        """Close those of the pool, or only the idle ones."""
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()
