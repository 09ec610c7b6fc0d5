"""The verbs that only look: each is one round trip and changes nothing."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Any, Literal

import attrs
import msgspec

from jobframe.core import ids
from jobframe.core.errors import JobNotFound
from jobframe.core.job import JobInfo, State
from jobframe.store import answers
from jobframe.store.policies import InForce, decode
from jobframe.store.stats import COUNTS, COUNTS_NOW, COUNTS_SINCE, ServerFacts, Snapshot, TypeStats, WorkerStats
from jobframe.store.store import Store

__all__ = [
    "COUNTS", "COUNTS_NOW", "COUNTS_SINCE", "Page", "ServerFacts", "Snapshot", "TypeInfo", "TypeStats", "WorkerStats",
    "add_up", "counts", "info", "jobs", "snapshot", "types", "workers",
]  # fmt: skip

Period = Literal["recent", "total", ""]

MOST_JOBS = 500
"""Longest page of jobs."""

_NO_CURSOR = ("", "", "", "")


@attrs.frozen
class TypeInfo:
    """
    An announced job type.

    Attributes:
        type: Job type.
        in_force: The policy in force and the shape of its payload.
        paused: Who paused it and when (``by``, ``at`` in ms); None when it is not paused.

    """

    type: str
    in_force: InForce
    paused: dict[str, Any] | None


@attrs.frozen
class Page:
    """
    Some jobs, and where to go on.

    Attributes:
        jobs: The jobs, without their payloads.
        cursor: Give it back for the next page; None when this was the last.

    """

    jobs: tuple[JobInfo, ...]
    cursor: str | None


async def snapshot(store: Store, period: Period = "recent", *, type: str | None = None) -> Snapshot:
    """
    Read the whole namespace at one moment.

    Args:
        store: Where to look.
        period: Which histograms to read: this hour and the one before, all since the beginning, or none.
        type: Only this type, also one without any job, and neither workers nor server; None is everything.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    return answers.snapshot(*await store.run("snapshot", type or "", period))


async def counts(store: Store, type: str | None = None) -> dict[str, int]:
    """
    Count the jobs of one type, or of all, by each of `COUNTS`.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    return add_up((await snapshot(store, "", type=type)).types)


async def workers(store: Store) -> tuple[WorkerStats, ...]:
    """
    List the registered workers, the longest silent first.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    return (await snapshot(store, "")).workers


async def types(store: Store) -> tuple[TypeInfo, ...]:
    """
    List the announced types by name, with the policy in force.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    documents, paused = await asyncio.gather(store.read_hash(store.keys.types), store.read_hash(store.keys.paused))
    return tuple(
        TypeInfo(name, decode(document), msgspec.json.decode(paused[name]) if name in paused else None)
        for name, document in sorted(documents.items())
    )


async def jobs(
    store: Store,
    type: str | None = None,
    state: State | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """
    List jobs: waiting, delayed and active ones soonest first, ended and parked ones newest first.

    Args:
        store: Where to look.
        type: Only of this type; None is all, type by type.
        state: Only in this state; None is all, state by state.
        cursor: Where the page before ended.
        limit: Most jobs wanted, at most 500; a page may be shorter and still have a cursor.

    Raises:
        StoreUnavailable: The server cannot be reached or used.
        ValueError: The cursor is none of ours, or the limit is below 1.

    """
    if limit < 1:
        msg = f"limit {limit}: ask for at least one job"
        raise ValueError(msg)
    after = _read_cursor(cursor) if cursor else _NO_CURSOR
    answer = await store.run("list_jobs", type or "", state or "", "", min(limit, MOST_JOBS), *after)
    return Page(answers.jobs(answer[4:]), _write_cursor(answer[:4]) if answer[0] else None)


async def info(store: Store, id: str) -> JobInfo:
    """
    Tell everything about one job but its payload.

    Raises:
        JobNotFound: There is no such job, or no record of it is kept.
        StoreUnavailable: The server cannot be reached or used.
        ValueError: *id* is no job id.

    """
    type_name, unique = ids.split(id)
    answer = await store.run("list_jobs", type_name, "", unique, 1, *_NO_CURSOR)
    found = answers.jobs(answer[4:])
    if not found:
        raise JobNotFound(id)
    return found[0]


def add_up(stats: Sequence[TypeStats]) -> dict[str, int]:
    """Add up the counts of several types."""
    return {key: sum(each.counts[key] for each in stats) for key in COUNTS}


def _write_cursor(place: Sequence[bytes | int]) -> str:
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in place]
    return base64.urlsafe_b64encode(b"\t".join(parts)).decode()


def _read_cursor(cursor: str) -> tuple[str, ...]:
    try:
        place = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
        type_name, index, score, unique = place.split("\t")
        return type_name, str(int(index)), str(int(score)), unique
    except (binascii.Error, ValueError):
        msg = "this cursor is none of ours: give back the one of the page before, unchanged, or none"
        raise ValueError(msg) from None
