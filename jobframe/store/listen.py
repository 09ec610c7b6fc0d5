"""One subscription to one channel, kept alive over lost connections; who needs every message looks at the store too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from jobframe.core import ids
from jobframe.store.connection import STORE_ERRORS
from jobframe.store.store import Store

__all__ = ["Listener"]

_POLL_S = 1.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_READY_WITHIN_S = 5.0
_STOPPED_WITHIN_S = 2.0


class Listener:
    """
    Calls a function with each message of a channel.

    Messages sent while the connection is lost are lost: *on_message* must never be the only way to learn something.
    """

    def __init__(self, store: Store, channel: str, on_message: Callable[[str], None]) -> None:
        """Listen to *channel*, once `ready` was asked for."""
        self._store = store
        self._channel = channel
        self._on_message = on_message
        self._subscribed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None
        self._stopping = False

    async def ready(self) -> None:
        """Start listening and wait until the server has confirmed it, 5 seconds at most."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._subscribed.wait(), _READY_WITHIN_S)

    async def aclose(self) -> None:
        """Stop listening, by cutting the connection: the client may swallow a cancellation."""
        self._stopping = True
        if self._task is None:
            return
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)
        await asyncio.wait([self._task], timeout=_STOPPED_WITHIN_S)
        self._task.cancel()  # only when it waits before it connects again
        await asyncio.wait([self._task], timeout=_STOPPED_WITHIN_S)

    async def _listen(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping:
            pubsub = self._store.redis.pubsub()
            try:
                await pubsub.subscribe(self._channel)
                self._connection = pubsub.connection
                while not self._stopping:
                    message = await pubsub.get_message(timeout=_POLL_S)
                    if message is not None:
                        pause_s = _FIRST_PAUSE_S
                        self._take(message)
            except STORE_ERRORS:
                self._subscribed.clear()
            finally:
                with contextlib.suppress(*STORE_ERRORS):
                    await pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py has no types for it
            if self._stopping:
                return
            self._store.reach.doubt()
            await asyncio.sleep(pause_s * ids.roll())
            await self._store.reach.wait()
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._subscribed.set()
        elif message["type"] == "message":
            self._on_message(message["data"].decode())
