"""The wake markers of the lanes: written by scripts, popped by workers that have room."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from jobframe.core.errors import JobframeError
from jobframe.store.cluster import MOVING
from jobframe.store.connection import STORE_ERRORS, classify, connect
from jobframe.store.store import Store

__all__ = ["WakeStore"]

_SLACK_S = 5.0


class WakeStore:
    """Markers, over connections of its own because each pop blocks one."""

    def __init__(self, store: Store) -> None:
        """Use the server and the keys of *store*."""
        self._keys = store.keys
        self._store = store
        self._redis = connect(store.url, store.keys.control, answer_s=_SLACK_S * 2)

    async def pop(self, lane: str, timeout_s: float) -> bool:
        """
        Take the marker of *lane*; False when there was none within *timeout_s* seconds.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        try:
            found = await self._redis.execute_command("BZPOPMIN", self._keys.wake(lane), timeout_s)  # type: ignore[no-untyped-call] # redis-py
        except MOVING:  # whoever looks instead waits until the slot has moved
            return False
        except STORE_ERRORS as error:
            raise classify(error) from None
        return bool(found)

    async def mark(self, lanes: Sequence[str]) -> None:
        """
        Write the markers of those *lanes* that have work, for somebody else.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        await self._store.run("mark", *lanes)

    async def cut(self) -> None:
        """Close the connections, so that every pop ends with an error."""
        await self._redis.aclose()

    async def aclose(self, lanes: Sequence[str]) -> None:
        """Close the connections; a marker that one may just have popped is written again."""
        await self.cut()
        with contextlib.suppress(JobframeError):
            await self.mark(lanes)
