"""One worker's hands without its runtime: the store's verbs, called one by one on a queue of their own."""

from __future__ import annotations

from typing import Any

import attrs

from jobframe.client.jobs import Jobs
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Completed
from jobframe.core.policy import Policy
from jobframe.store.claim import Claimed, claim
from jobframe.store.policies import Member, announce, document
from jobframe.store.settle import Settled, settle
from jobframe.store.store import Store

__all__ = ["Hands"]

_LEASE_MS = 3_600_000
_WORKER = "hands"
_TYPE = "hands.job"


@attrs.frozen
class _Payload:
    n: int = 0


async def _handle(ctx: Any, payload: _Payload) -> None: ...


class Hands:
    """
    A worker that does only what it is told.

    Attributes:
        store: Its namespace.
        worker: Its name.

    """

    def __init__(self, url: str, namespace: str) -> None:
        """Use *namespace* on the server at *url*."""
        self.store = Store(url, namespace)
        self.worker = _WORKER
        self._jobs = Jobs(self.store)
        self._lanes: list[str] = []
        self._number = 0

    async def join(self) -> None:
        """Register, with one type."""
        member = Member(
            host="bench",
            pid=1,
            started_at=0,
            types=(_TYPE,),
            kind="hands",
            max_jobs=100,
            lease_ms=_LEASE_MS,
            version="",
        )
        documents = [document(JobType(_TYPE, 1, _handle, {}), Policy(), _WORKER)]
        in_force = await announce(self.store, _WORKER, member, documents, apply=True, edited_ms=1)
        self._lanes = sorted({lane for lane, _ in in_force.values()})

    async def enqueue(self, count: int) -> None:
        """Enqueue *count* jobs in one go."""
        await self._jobs.enqueue_many([(_TYPE, {"n": 0})] * count)

    async def claim(self, count: int) -> list[Claimed]:
        """Claim exactly *count* jobs in one call."""
        self._number += 1
        taken = await claim(self.store, _WORKER, self._number, count, count, [(lane, count) for lane in self._lanes])
        if taken is None or len(taken.jobs) != count:
            raise SystemExit(f"a claim of {count} jobs answered {taken and len(taken.jobs)}")
        return taken.jobs

    async def complete(self, jobs: list[Claimed]) -> None:
        """Record in one call that all of them are done."""
        self._number += 1
        ends = [Settled(job.type, job.unique, job.fence, job.due_ms, Completed(b""), b"", 1, 1) for job in jobs]
        if not all(recorded for _, recorded in await settle(self.store, _WORKER, self._number, ends)):
            raise SystemExit("an outcome was refused")

    async def renew(self) -> None:
        """Renew the lease."""
        await self.store.run("renew", _WORKER, _LEASE_MS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._jobs.aclose()
        await self.store.aclose()
