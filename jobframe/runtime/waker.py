"""Waits for work without asking for it: one blocking pop of the lanes' wake markers, and a look now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from jobframe.core.errors import JobframeError
from jobframe.runtime.patience import Patience
from jobframe.store.store import Store
from jobframe.store.wake import WakeStore

__all__ = ["Waker"]

_LOOK_EVERY_S = 5.0
"""Bounds the loss of any marker; no correctness rests on markers."""


class Waker:
    """
    Pops a marker when this worker has room and nothing left to claim.

    A pop that is pending is left pending, for cancelling it would eat a marker; a marker that comes when there is no
    room any more is handed on.
    """

    def __init__(self, store: Store, lanes: Callable[[], Sequence[str]], look: Callable[[], None]) -> None:
        """
        Wait on *store*.

        Args:
            store: The store; the pop blocks a connection of its own.
            lanes: The lanes that this worker has room in, at the moment of the call.
            look: Called when there may be something to claim.

        """
        self._store = WakeStore(store)
        self._lanes = lanes
        self._look = look
        self._wanted = asyncio.Event()
        self._stopping = False

    def want(self) -> None:
        """Ask to be woken: there is room, and the last claim left nothing."""
        self._wanted.set()

    async def run(self) -> None:
        """Wait, look, wait again; until closed."""
        patience = Patience("wake")
        while not self._stopping:
            await self._wanted.wait()
            self._wanted.clear()
            lanes = self._lanes()
            if not lanes:
                continue
            try:
                lane = await self._store.pop(lanes, _LOOK_EVERY_S)
                if lane is not None and lane not in self._lanes():
                    await self._store.mark([lane])
            except JobframeError as error:
                if self._stopping:
                    return
                await patience.wait(error)
            else:
                patience.done()
            self._look()

    async def aclose(self, lanes: Sequence[str]) -> None:
        """
        End `run` by closing its connection, and wake somebody else in case it had just eaten a marker.

        Never by a cancellation: the client swallows one that comes at the wrong moment.
        """
        self._stopping = True
        self._wanted.set()
        await self._store.aclose(lanes)
