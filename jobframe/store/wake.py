"""The wake markers of the lanes: written by scripts, popped by workers that have room."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from jobframe.core.errors import JobframeError
from jobframe.store.connection import STORE_ERRORS, classify, connect
from jobframe.store.store import Store

__all__ = ["WakeStore"]

_SLACK_S = 5.0


class WakeStore:
    """Markers, over a connection of its own because the pop blocks it."""

    def __init__(self, store: Store) -> None:
        """Use the server and the keys of *store*."""
        self._keys = store.keys
        self._store = store
        self._redis = connect(store.url, answer_s=_SLACK_S * 2)

    async def pop(self, lanes: Sequence[str], timeout_s: float) -> str | None:
        """
        Take the marker of one of *lanes*; None when there was none within *timeout_s* seconds.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        names = {self._keys.wake(lane).encode(): lane for lane in lanes}
        try:
            found = await self._redis.execute_command("BZPOPMIN", *names, timeout_s)
        except STORE_ERRORS as error:
            raise classify(error) from None
        return names[found[0]] if found else None

    async def mark(self, lanes: Sequence[str]) -> None:
        """
        Write the markers of those *lanes* that have work, for somebody else.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        await self._store.run("mark", *lanes)

    async def aclose(self, lanes: Sequence[str]) -> None:
        """Close the connection; a marker that it may just have popped is written again."""
        await self._redis.aclose()
        with contextlib.suppress(JobframeError):
            await self.mark(lanes)
