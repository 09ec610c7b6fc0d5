"""Jobs in any state, made by the store's own verbs, under a clock that only the test moves."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from jobframe.client.jobs import Jobs
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Cancelled, Completed, Failed, Outcome, Parked
from jobframe.core.policy import Policy
from jobframe.store.claim import claim
from jobframe.store.policies import Member, announce, document
from jobframe.store.settle import Settled, settle
from jobframe.store.store import Store

TYPES = ("doc.embed", "doc.other")
OUTCOMES: dict[str, Outcome] = {
    "completed": Completed(b'"done"'),
    "failed": Failed("broken"),
    "cancelled": Cancelled("no use"),
    "parked": Parked("too new"),
}
HASHES = ("payload", "record", "reason", "result", "steps", "progress", "keys")


@attrs.frozen
class Payload:
    document_id: str = ""


async def _handler(ctx, payload: Payload): ...


class World:
    """One namespace, two job types and the hands of one worker, ``w1``."""

    def __init__(self, url, namespace):
        self.now = 1_764_072_000_000
        self.store = Store(url, namespace, clock=lambda: str(self.now))
        self.jobs = Jobs(self.store)
        self._number = 0
        self._lanes = []

    def pass_ms(self, ms):
        self.now += ms

    async def announce(self, **policy):
        """Put *policy* in force for both types; the worker's lease outlasts any test."""
        member = Member(
            host="box", pid=7, started_at=5, types=TYPES, kind="k", max_jobs=99, lease_ms=10**9, version="1"
        )
        documents = [document(JobType(name, 1, _handler, {}), Policy(**policy), "w1") for name in TYPES]
        answer = await announce(self.store, "w1", member, documents, apply=True, edited_ms=self.now)
        self._lanes = sorted({lane for lane, _ in answer.values()})

    async def claim(self, n=1):
        self._number += 1
        taken = await claim(self.store, "w1", self._number, n, n, [(lane, n) for lane in self._lanes])
        assert n == len(taken.jobs)
        return taken.jobs

    async def end(self, state, n=1):
        """Claim *n* jobs and end them in *state*."""
        jobs = await self.claim(n)
        ends = [
            Settled(job.type, job.unique, job.fence, job.due_ms, OUTCOMES[state], b"1,0,0,0|[]", 5, 7) for job in jobs
        ]
        assert all(recorded for _, recorded in await settle(self.store, "w1", self._number, ends))

    async def leftovers(self, type):
        """Which hashes of *type* still hold anything about a job."""
        prefix = self.store.keys.prefix
        return [name for name in HASHES if await self.store.redis.exists(f"{prefix}{name}:{type}")]


@pytest.fixture
async def world(any_url, namespace):
    made = World(any_url, namespace)
    await made.announce()
    yield made
    await made.jobs.aclose()
    await made.store.aclose()


@pytest.fixture
def wait_for_waiter(world):
    """Begin to wait for a job's result; return once the store knows of it."""

    async def begin(handle):
        result = asyncio.ensure_future(handle.result(timeout=20))
        for _ in range(2_000):
            if await world.store.redis.exists(world.store.keys.prefix + "waiters"):
                return result
            await asyncio.sleep(0.01)
        return pytest.fail("nobody waits")

    return begin
