"""Waits for work without asking for it: a blocking pop of each lane's wake marker, and a look now and then."""

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
_CUT_EVERY_S = 0.02


class Waker:
    """
    Pops a lane's marker when this worker has room in that lane and nothing left to claim.

    Each lane has a pop of its own: a lane that gets room while the others are waited for must not wait for them. A pop
    that is pending is left pending, for cancelling it would eat a marker; a marker that comes when there is no room any
    more is handed on.
    """

    def __init__(self, store: Store, lanes: Callable[[], Sequence[str]], look: Callable[[], None]) -> None:
        """
        Wait on *store*.

        Args:
            store: The store; each pop blocks a connection of its own.
            lanes: The lanes that this worker has room in, at the moment of the call.
            look: Called when there may be something to claim.

        """
        self._store = WakeStore(store)
        self._lanes = lanes
        self._look = look
        self._pending: set[str] = set()
        self._patience = Patience("wake", store.reach)
        self._wanted = asyncio.Event()
        self._stopping = False

    def want(self) -> None:
        """Ask to be woken: there is room, and the last claim left nothing."""
        self._wanted.set()

    async def run(self) -> None:
        """Wait, look, wait again; until closed."""
        async with asyncio.TaskGroup() as pops:
            while not self._stopping:
                await self._wanted.wait()
                self._wanted.clear()
                for lane in self._lanes():
                    if lane not in self._pending:
                        self._pending.add(lane)
                        pops.create_task(self._wait(lane))

    async def aclose(self, lanes: Sequence[str]) -> None:
        """
        End `run` by closing its connections, and wake somebody else in case one had just eaten a marker.

        Never by a cancellation: the client swallows one that comes at the wrong moment.
        """
        self._stopping = True
        self._wanted.set()
        while self._pending:  # a pop may be about to connect anew
            await self._store.cut()
            await asyncio.sleep(_CUT_EVERY_S)
        await self._store.aclose(lanes)

    async def _wait(self, lane: str) -> None:
        try:
            woken = await self._store.pop(lane, _LOOK_EVERY_S)
            if woken and lane not in self._lanes():
                await self._store.mark([lane])
        except JobframeError as error:
            if not self._stopping:
                await self._patience.wait(error)
        else:
            self._patience.done()
        finally:
            self._pending.discard(lane)
        self._look()
