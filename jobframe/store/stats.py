"""What one reading of the store tells: counts and histograms per type, the fleet, the server."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jobframe.store.policies import Member

__all__ = ["COUNTS", "COUNTS_NOW", "COUNTS_SINCE", "ServerFacts", "Snapshot", "TypeStats", "WorkerStats"]

COUNTS_NOW = ("active", "waiting", "failed", "delayed", "parked")
COUNTS_SINCE = ("completed", "cancelled", "retried", "crashed", "interrupted", "expired")
COUNTS = COUNTS_NOW + COUNTS_SINCE
"""The keys of every table of counts: the first five are jobs in a state now, the rest count since the beginning."""


@attrs.frozen(kw_only=True)
class TypeStats:
    """
    One job type at one moment.

    Attributes:
        type: Job type.
        announced: Whether a worker ever announced it; else only its jobs tell of it.
        counts: Number of jobs by each of `COUNTS`; ``failed`` counts the dead letters held.
        failures: Jobs that ended as failed since the beginning; one retried by an operator may count again.
        failed_today: Those of this day, UTC.
        oldest_waiting_ms: How long the first waiting job has been due; None when none waits.
        limit: Its ``concurrency``; None is no limit.
        paused: Whether an operator paused it.
        waits: Histogram of start minus due time over the period read.
        runs: Histogram of the attempts' run times over the period read.

    """

    type: str
    announced: bool
    counts: Mapping[str, int]
    failures: int
    failed_today: int
    oldest_waiting_ms: int | None
    limit: int | None
    paused: bool
    waits: Mapping[int, int]
    runs: Mapping[int, int]

    @property
    def success_rate(self) -> float | None:
        """Completed jobs as a share of completed and failed ones; expired ones never ran and are left out."""
        completed, failed = self.counts["completed"], max(0, self.failures - self.counts["expired"])
        return completed / (completed + failed) if completed + failed else None


@attrs.frozen(kw_only=True)
class WorkerStats:
    """
    One registered worker at one moment.

    Attributes:
        worker: Its name.
        alive: Whether its lease holds.
        heartbeat_age_ms: How long ago it last renewed its lease.
        held: Jobs it has claimed and not settled.
        member: What it told of itself when it joined.
        differs: Types of which its own file says another policy than is in force.

    """

    worker: str
    alive: bool
    heartbeat_age_ms: int
    held: int
    member: Member
    differs: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ServerFacts:
    """
    What the Redis or Valkey server tells of itself.

    Attributes:
        aof: Whether it keeps an append-only file.
        evicts: Whether it may drop keys when its memory is full.
        full: Whether its memory is full now, so that nothing can be enqueued.
        replica: Whether it follows another server, and takes no writes itself.
        replicas: How many servers follow it.
        version: The version of Redis that it is, or speaks as.
        product: Its name and own version, to be shown.

    """

    aof: bool
    evicts: bool
    full: bool
    replica: bool = False
    replicas: int = 0
    version: tuple[int, ...] = (7, 2, 4)
    product: str = ""


@attrs.frozen(kw_only=True)
class Snapshot:
    """
    A namespace at one moment.

    Attributes:
        now_ms: The server's clock.
        types: Every type that was announced or has work, by name.
        workers: Every registered worker, the longest silent first.
        server: The server itself.
        epoch: When the namespace was first written to, server microseconds; 0 while it never was.

    """

    now_ms: int
    types: tuple[TypeStats, ...]
    workers: tuple[WorkerStats, ...]
    server: ServerFacts
    epoch: int = 0
