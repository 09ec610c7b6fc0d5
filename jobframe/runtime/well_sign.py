"""Keeps the sign that ``arq --check`` looks for: this machine's worker is in its fleet and its loop turns."""

from __future__ import annotations

import asyncio
import contextlib

from jobframe.core.errors import JobframeError
from jobframe.runtime.runtime import Runtime
from jobframe.store.check_key import say_gone, say_well
from jobframe.store.store import Store

__all__ = ["WellSign"]

_LAST_WORDS_S = 1.0


class WellSign:
    """A runtime to be hosted, with the sign beside it from the end of its start to the end of its drain."""

    def __init__(self, runtime: Runtime, lease_ms: int) -> None:
        """Host *runtime*; its sign lasts one lease of *lease_ms*, and is renewed three times in it."""
        self._runtime = runtime
        self._lease_ms = lease_ms
        self._store = Store(runtime.store.url, runtime.store.keys.namespace)  # outlives the runtime's connections
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the runtime, then keep the sign."""
        await self._runtime.start()
        self._keeping = asyncio.create_task(self._keep())

    async def run(self) -> None:
        """Run the runtime."""
        await self._runtime.run()

    async def reload(self) -> None:
        """Have the runtime read the configuration again."""
        await self._runtime.reload()

    async def drain(self, grace_ms: int) -> None:
        """Drain the runtime, then take the sign away."""
        await self._runtime.drain(grace_ms)
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(say_gone(self._store, self._runtime.worker_id), _LAST_WORDS_S)
        await self._store.aclose()

    async def give_back(self) -> None:
        """Have the runtime give back everything."""
        await self._runtime.give_back()

    async def _keep(self) -> None:
        while True:
            if self._runtime.membership.silent_s() * 1000 < self._lease_ms:
                with contextlib.suppress(JobframeError):  # without a server the sign runs out, as it should
                    await say_well(self._store, self._runtime.worker_id, self._lease_ms)
            await asyncio.sleep(self._lease_ms / 3000)
