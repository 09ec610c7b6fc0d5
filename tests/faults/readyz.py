"""What ``/readyz`` of a status server says about a fleet's server."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import contextmanager

from jobframe.status.server import StatusServer


class Readyz:
    """A status server's checks."""

    def __init__(self, address: str) -> None:
        """Ask the server at *address*."""
        self._address = address

    async def check(self, name: str) -> tuple[str, str]:
        """Return status and reason of one check."""
        found = (await asyncio.to_thread(self._read))["checks"][name]
        return found["status"], found["reason"]

    async def when(self, name: str, status: str) -> str | None:
        """Return the reason of a check when it has that status."""
        found, reason = await self.check(name)
        return reason if found == status else None

    def _read(self):
        with urllib.request.urlopen(f"{self._address}/readyz", timeout=20) as response:  # noqa: S310 - our own, over HTTP
            return json.load(response)


@contextmanager
def readyz(fleet, durability="aof"):
    """Serve the status of *fleet* for the time of the block."""
    server = StatusServer(fleet.url, fleet.namespace, port=0, durability=durability)
    try:
        assert server.start()
        yield Readyz(server.address)
    finally:
        server.stop()
