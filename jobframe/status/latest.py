"""One reading at a time, shared by all who ask: a flood of requests is one call after another to what is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Latest"]

Reading = TypeVar("Reading")


class Latest(Generic[Reading]):
    """Shares readings that begin after they were asked for: nobody is told something older than the question."""

    def __init__(self, read: Callable[[], Awaitable[Reading]]) -> None:
        """Share the results of *read*."""
        self._read = read
        self._running: asyncio.Task[Reading] | None = None
        self._next: asyncio.Task[Reading] | None = None

    async def get(self, patience_s: float) -> Reading:
        """
        Return a reading.

        Raises:
            TimeoutError: None was there within *patience_s* seconds; it goes on, for the next who asks.
            Exception: Whatever the reading raised.

        """
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._running))
            self._next.add_done_callback(_look_at_error)
        async with asyncio.timeout(patience_s):
            return await asyncio.shield(self._next)

    async def _read_after(self, running: asyncio.Task[Reading] | None) -> Reading:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        return await self._read()


def _look_at_error(task: asyncio.Task[Reading]) -> None:
    if not task.cancelled():
        task.exception()  # nobody may be waiting for it any more
