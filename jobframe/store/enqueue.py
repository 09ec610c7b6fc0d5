"""Enqueue jobs of any mix of types, all or none, and the same call twice only once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

import attrs

from jobframe.core.errors import QueueFull
from jobframe.store.store import Store

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_JOBS", "Encoded", "Stale", "batches", "enqueue"]

MAX_BATCH_JOBS = 256
MAX_BATCH_BYTES = 1024 * 1024
"""A larger call would block everybody else's for too long."""


@attrs.frozen
class Encoded:
    """
    One checked job as it goes to the store.

    Attributes:
        type: Job type.
        unique: Unique part of its id.
        when: Due time as the scripts read it: empty is now, ``+<ms>`` from now, ``@<ms>`` at that time.
        tail: Options, newline, envelope.
        policy_version: Version of the policy it was encoded with; 0 when the type was never announced.

    """

    type: str
    unique: str
    when: str
    tail: bytes
    policy_version: int = 0

    @property
    def size(self) -> int:
        """Bytes that count toward a batch."""
        return len(self.tail)


@attrs.frozen
class Stale:
    """
    Nothing was enqueued: a type's policy is another by now.

    Attributes:
        type: Which type.
        document: Its policy in force as JSON; empty when it has none.

    """

    type: str
    document: bytes


def batches(jobs: Sequence[Encoded]) -> list[list[Encoded]]:
    """Cut *jobs* into batches of at most 256 jobs and 1 MiB, keeping their order."""
    cut: list[list[Encoded]] = [[]]
    size = 0
    for job in jobs:
        if cut[-1] and (len(cut[-1]) >= MAX_BATCH_JOBS or size + job.size > MAX_BATCH_BYTES):
            cut.append([])
            size = 0
        cut[-1].append(job)
        size += job.size
    return cut if jobs else []


async def enqueue(store: Store, client: str, number: int, jobs: Sequence[Encoded]) -> list[str | None] | Stale:
    """
    Send one batch.

    Args:
        store: The store.
        client: Name of this client, which has one call in flight.
        number: Number of the call; sent again after a lost answer it enqueues nothing and answers as before.
        jobs: At most `MAX_BATCH_JOBS`, `MAX_BATCH_BYTES`.

    Returns:
        Per job None when it was made, else the unique part of the job that stands in its place; or `Stale`.

    Raises:
        StoreUnavailable: The server cannot be reached or used, or no replica has what ``durability`` wants it to have.
        StoreFull: Its memory is full; nothing was enqueued.
        QueueFull: More jobs of a type would wait than its policy allows; nothing was enqueued.

    """
    args: list[str | bytes | int] = []
    for (type_name, version), group in groupby(jobs, key=attrgetter("type", "policy_version")):
        members = list(group)
        args += (type_name, version, len(members))
        for job in members:
            args += (job.unique, job.when, job.tail)
    reply = await store.run_durably("enqueue", client, number, *args)
    if reply[0] == b"STALE":
        return Stale(reply[1].decode(), reply[2])
    if reply[0] == b"FULL":
        raise QueueFull(reply[1].decode(), reply[2])
    return [None if answer == 1 else answer.decode() for answer in reply[1:]]
