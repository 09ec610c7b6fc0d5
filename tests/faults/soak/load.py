"""The load of a soak: so many jobs a second of every kind, and a log of what the producer was told of each."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

from jobframe.client.jobs import Jobs
from jobframe.core.errors import StoreFull, StoreUnavailable
from tests.faults.soak.books import Books

PER_SECOND = 50
MOST_AT_ONCE = 200
BEHIND_S = 1.0
"""What could not be enqueued in time is made up for, but not more than that."""

TABLES = """
[status]
port = 0
[defaults]
max_retries = 100
backoff = { strategy = "fixed", base = "500ms", jitter = "equal" }
keep_result = "1s"
[jobs."work.other"]
concurrency = 3
[jobs."work.thread"]
group = { by = "n", concurrency = 4 }
rate_limit = "40/s"
[schedules.often]
job = "work.other"
every = "2s"
payload = { do = "deed", n = 50, text = "often" }
"""

Work = tuple[str, dict[str, Any], dict[str, Any]]


def _work(type_name: str, ms: int, do: str = "deed", **options: Any) -> Any:
    def work(text: str) -> Work:
        return type_name, {"do": do, "n": ms, "text": text}, options

    return work


def _sealed(text: str) -> Work:
    return "work.secret", {"do": "deed", "n": 200, "number": text}, {}


FOLLOWED = _work("work.loop", 100, "deed_follow")
KINDS = (
    _work("work.loop", 400),
    _work("work.loop", 800),
    _work("work.other", 100),
    _work("work.thread", 100),
    _work("work.loop", 300, "deed_flaky"),
    _work("work.process", 100),
    _work("work.loop", 400, delay="2s"),
    _work("work.batch", 300),
    FOLLOWED,
    _work("work.versioned", 300),
    _work("work.thread", 200, priority="high"),
    _sealed,
    None,  # two calls at once for one job
)


class Load:
    """
    Enqueues jobs at a steady pace.

    Attributes:
        stopped: Set it to have the pace end.
        asked: How many jobs were asked for.
        found: How often the second of two equal calls found the job of the first.

    """

    def __init__(self, jobs: Jobs, books: Books, log: Path) -> None:
        """Enqueue through *jobs* and write what it says into *books*, and line by line into *log*."""
        self._jobs = jobs
        self._books = books
        self._log = log.open("w")
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._calls: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self.stopped = False
        self.asked = self.found = 0

    async def one_of_each(self) -> None:
        """Enqueue one job of each kind."""
        for _ in KINDS:
            await self._begin()
        await asyncio.gather(*self._calls)

    async def run(self) -> None:
        """Enqueue until stopped, and wait until each call has its answer."""
        due = time.monotonic()
        while not self.stopped:
            await self._begin()
            due = max(due + 1 / PER_SECOND, time.monotonic() - BEHIND_S)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*self._calls)
        self._log.close()

    async def _begin(self) -> None:
        await self._room.acquire()
        call = asyncio.create_task(self._enqueue(next(self._numbers)))
        self.asked += 1
        self._calls.add(call)
        call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._room.release()

    async def _enqueue(self, number: int) -> None:
        kind = KINDS[number % len(KINDS)]
        if kind is None:
            await self._enqueue_twice(number)
            return
        type_name, payload, options = kind(f"n{number}")
        try:
            await self._jobs.enqueue(type_name, payload, **options)
        except (StoreUnavailable, StoreFull) as error:
            unknown = getattr(error, "acknowledged", False) is None
            (self._books.unknown if unknown else self._books.refused).add(number)
            self._tell(f"{'unknown' if unknown else 'refused'} n{number}")
        else:
            self._books.acknowledged.add(number)
            if kind is FOLLOWED:
                self._books.parents.add(number)
            self._tell(f"acknowledged n{number}")

    async def _enqueue_twice(self, number: int) -> None:
        calls = [
            self._jobs.enqueue("work.loop", {"do": "deed", "n": 300, "text": f"u{number}"}, key=f"u{number}")
            for _ in range(2)
        ]
        handles = await asyncio.gather(*calls, return_exceptions=True)
        jobs = set()
        for handle in handles:
            if isinstance(handle, StoreUnavailable | StoreFull):
                continue
            if isinstance(handle, BaseException):
                raise handle
            self.found += not handle.created
            jobs.add(handle.id)
        self._books.acknowledged_ids |= jobs
        for job in jobs:
            self._tell(f"acknowledged {job}")

    def _tell(self, what: str) -> None:
        self._log.write(f"{time.monotonic_ns()} {what}\n")
