"""What ``/readyz`` says: a status server's about a fleet's server, and a worker's own."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

from jobframe.status.server import StatusServer
from tests.faults.form import FULL
from tests.fleet.workers import PATIENCE_S, until

FLIPS_WITHIN_S = 10


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
        with urlopen(f"{self._address}/readyz", timeout=20) as response:  # noqa: S310 - our own, over HTTP
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


class Health:
    """Asks the worker's own status server."""

    def __init__(self, worker):
        self.worker = worker

    def ask(self):
        """Return the status of the answer, and its checks."""
        found = re.search(r"^status +(http\S+)/metrics$", self.worker.said(), re.MULTILINE)
        if found is None:
            return 0, {}
        try:
            with urlopen(f"{found[1]}/readyz", timeout=PATIENCE_S) as answer:  # noqa: S310 - our own
                return answer.status, json.load(answer)["checks"]
        except HTTPError as answer:
            return answer.code, json.load(answer)["checks"]

    async def flips(self, status, **troubles):
        """Wait until exactly these checks are in trouble, each for its reason, and hold it to the time."""

        def has_flipped():
            found, checks = self.ask()
            bad = {name: check["reason"] for name, check in checks.items() if check["status"] != "ok"}
            return (
                found == status
                and bad.keys() == troubles.keys()
                and all(troubles[name] in reason for name, reason in bad.items())
            )

        began = time.monotonic()
        await until(has_flipped, f"{status} for {troubles or 'nothing'}; {self.ask()}")
        assert not FULL or time.monotonic() - began < FLIPS_WITHIN_S
