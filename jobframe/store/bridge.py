"""The queue of producers with plain arq, and the keys where arq's own `Job` looks for answers; never on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import attrs

from jobframe.store.keys import field
from jobframe.store.store import Store

__all__ = ["Due", "Handed", "Look", "Report", "leave", "look", "mark", "report"]

MOST_JOBS = 500
MOST_BYTES = 1024 * 1024


@attrs.frozen
class Due:
    """
    A job on arq's queue that is to be handed over.

    Attributes:
        id: arq's id.
        score: As the queue has it.
        left_ms: How long arq keeps its payload; None when that has no end.
        aborted_ms: When its producer aborted it, the producer's clock; None when it did not.
        payload: As arq's producer wrote it; empty when arq no longer keeps it.

    """

    id: bytes
    score: bytes
    left_ms: int | None
    aborted_ms: float | None
    payload: bytes = attrs.field(repr=False)


@attrs.frozen
class Handed:
    """
    A job that was handed over earlier.

    Attributes:
        id: arq's id.
        type: Job type; empty when the job still waits for its type to be known.
        unique: Unique part of its id with us.

    """

    id: bytes
    type: str
    unique: str


@attrs.frozen
class Look:
    """
    What one look at arq's queue found.

    Attributes:
        now_ms: Server clock.
        place: This bridge's place among the living, from 0.
        bridges: How many live.
        more: Whether more is due than *due* lists.
        next_rank: Where the next look for owed answers goes on.
        due: Jobs to hand over.
        aborted: Jobs handed over whose producers aborted them.
        ended: Jobs that have ended and whose producers were not told.

    """

    now_ms: int
    place: int
    bridges: int
    more: bool
    next_rank: int
    due: Sequence[Due]
    aborted: Sequence[Handed]
    ended: Sequence[Handed]


@attrs.frozen
class Report:
    """
    Something to tell a producer.

    Attributes:
        word: What happened, as ``bridge_report.lua`` lists it.
        queue: arq's queue.
        id: arq's id.
        type: Job type.
        unique: Unique part of its id with us.
        text: Depends on *word*.
        data: Depends on *word*.

    """

    word: Literal["started", "stopped", "cancelled", "refused", "parked"]
    queue: str
    id: bytes
    type: str
    unique: str
    text: str | int = ""
    data: bytes = attrs.field(default=b"", repr=False)


async def look(store: Store, queue: str, bridge: str, period_ms: int, rank: int) -> Look:
    """
    Look what lies on arq's queue, and count this bridge among the living.

    Args:
        store: The store.
        queue: arq's queue.
        bridge: Name of the worker that looks.
        period_ms: How often all bridges together look.
        rank: Where to go on looking for owed answers; 0 at first.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    reply = await store.run("bridge_poll", queue, bridge, period_ms, MOST_JOBS, MOST_BYTES, rank)
    now, place, bridges, more, next_rank, due, aborted, ended = reply
    return Look(
        now_ms=int(now),
        place=place,
        bridges=bridges,
        more=bool(more),
        next_rank=next_rank,
        due=[_due(*row) for row in _rows(due, 5)],
        aborted=[_handed(*row) for row in _rows(aborted, 2)],
        ended=[_handed(*row) for row in _rows(ended, 2)],
    )


async def mark(store: Store, queue: str, jobs: Iterable[tuple[Due, int, str, str]]) -> int:
    """
    Note that jobs were handed over.

    Args:
        store: The store.
        queue: arq's queue.
        jobs: Each with when its producer made it (ms), and the type and unique part it has with us; an empty type means
            that it waits on arq's queue until its type is known.

    Returns:
        How many were still there as they had been read.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    args: list[str | bytes | int] = []
    for due, made_ms, type_name, unique in jobs:
        args += (due.id, due.score, made_ms, field(type_name, unique) if type_name else "")
    marked: int = await store.run("bridge_mark", queue, *args) if args else 0
    return marked


async def report(store: Store, reports: Iterable[Report]) -> int:
    """
    Tell producers, in one call, what became of their jobs.

    Returns:
        How many were answered for good.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    args: list[str | bytes | int] = []
    for each in reports:
        args += (each.word, each.queue, each.id, field(each.type, each.unique), each.text, each.data)
    answered: int = await store.run("bridge_report", *args) if args else 0
    return answered


async def leave(store: Store, bridge: str) -> None:
    """
    Take a bridge out of the turns; one that just vanishes is left out after a while.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    await store.run("bridge_leave", bridge)


def _rows(flat: Sequence[Any], width: int) -> Iterable[tuple[Any, ...]]:
    return zip(*[iter(flat)] * width, strict=True)


def _due(id: bytes, score: bytes, left_ms: int, aborted_ms: bytes, payload: bytes) -> Due:
    return Due(id, score, left_ms if left_ms >= 0 else None, float(aborted_ms) if aborted_ms else None, payload)


def _handed(id: bytes, entry: bytes) -> Handed:
    type_name, unique = entry.decode().split("\t")[:2] if entry else ("", "")
    return Handed(id, type_name, unique)
