"""What a soak has in its hands: workers, server, network, load and books."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random  # noqa: TID251 - the dice of the fleet, which fall the same again
from typing import Any

import attrs

from jobframe.client.jobs import Jobs
from jobframe.store import inspect
from tests.faults.clocks import Clock
from tests.faults.soak.books import Books
from tests.fleet.fixtures import Fleet
from tests.fleet.workers import Worker, until
from tests.proxy import Proxy

PATIENCE_S = 120.0


@attrs.define
class Soak:
    """
    A running soak.

    Attributes:
        fleet: The workers.
        server: Their server.
        proxy: Their way to it.
        producer: The client of the load; it goes the same way.
        books: What came of the jobs so far.
        make_clock: Makes a clock that workers read for their own.
        size: How many workers there are.
        hold_s: How long a disturbance lasts that has no end of its own.

    """

    fleet: Fleet
    server: Any
    proxy: Proxy
    producer: Jobs
    books: Books
    make_clock: Callable[[str], Clock]
    size: int
    hold_s: float

    @property
    def dice(self) -> Random:
        """Whatever is left to chance asks these."""
        return self.fleet.dice

    @property
    def redis(self) -> Any:
        """The server, by the short way."""
        return self.fleet.jobs.store.redis

    def living(self) -> list[Worker]:
        """Return the workers that live, the oldest first."""
        return [worker for worker in self.fleet.workers if worker.process.poll() is None]

    def mortal(self) -> list[Worker]:
        """Return the workers that may be ended: all but the oldest, whose memory is watched."""
        return self.living()[1:]

    async def members(self) -> list[Any]:
        """Return the members whose lease holds."""
        return [each for each in await inspect.workers(self.fleet.jobs.store) if each.alive]

    async def all_joined(self) -> bool:
        """Whether the workers that live are the members."""
        return {each.member.pid for each in await self.members()} == {worker.pid for worker in self.living()}

    async def is_whole(self) -> None:
        """Wait until all workers are members, and jobs start."""
        await until(self.all_joined, "those that live are members, and no others", PATIENCE_S)
        assert len(self.living()) == self.size
        self.books.read()
        before = self.books.starts

        def started() -> bool:
            self.books.read()
            return self.books.starts > before

        await until(started, "jobs start", PATIENCE_S)

    async def roll(self, version: int) -> None:
        """Replace the workers by workers with another version of the plugin, one after the other."""
        os.environ["ACME_VERSION"] = str(version)
        for worker in self.living():
            self.fleet.spawn()
            await until(self.all_joined, "the new one joins", PATIENCE_S)
            worker.signal()
            assert 0 == await worker.exit_code(PATIENCE_S)
            await until(self.all_joined, "the old one has left", PATIENCE_S)
