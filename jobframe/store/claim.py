"""Claim due jobs over many types in one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from jobframe.store.store import Store

__all__ = ["Claim", "ClaimCall", "Claimed", "claim", "read_claim"]


class Claimed(msgspec.Struct, frozen=True):
    """
    One claimed job, as the store answers it; nothing is decoded yet.

    Attributes:
        type: Job type.
        unique: Unique part of its id.
        fence: Fence of the claim.
        started_ms: When it was claimed, server clock.
        due_ms: When it was due, server clock.
        payload: Enqueue time, options and envelope.
        record: What happened to it before; empty when nothing did.

    """

    type: str
    unique: str
    fence: int
    started_ms: int
    due_ms: int
    payload: bytes
    record: bytes


class Claim(msgspec.Struct, frozen=True):
    """
    The answer to one claim.

    Attributes:
        jobs: What this worker now holds.
        more: Whether more was ready when it ended.
        watch_ms: Claim again that many milliseconds from now, when a job is due; 0 when another worker watches.

    """

    jobs: list[Claimed]
    more: bool
    watch_ms: int


class ClaimCall(msgspec.Struct, frozen=True):
    """
    One claim that must be answered before the next.

    Attributes:
        worker: This worker's name.
        number: Number of the claim, rising by one; sent again until it is answered.
        room: Jobs this worker can start now.
        quantum: Jobs taken of one type before the next one's turn, from 1.
        lanes: The lanes it has room in, with the room in each.

    """

    worker: str
    number: int
    room: int
    quantum: int
    lanes: tuple[tuple[str, int], ...]

    def arguments(self) -> list[str | int]:
        """Lay it out as claim.lua reads it."""
        lanes = [part for lane in self.lanes for part in lane]
        return [self.worker, self.number, self.room, self.quantum, *lanes]


async def claim(
    store: Store, worker: str, number: int, room: int, quantum: int, lanes: Iterable[tuple[str, int]]
) -> Claim | None:
    """
    Claim up to *room* jobs; the same *number* again answers the same jobs.

    Args:
        store: The store.
        worker: This worker's name.
        number: Number of the claim, rising by one; sent again until it is answered.
        room: Jobs this worker can start now.
        quantum: Jobs taken of one type before the next one's turn, from 1.
        lanes: The lanes it has room in, with the room in each.

    Returns:
        The claim, or None when this worker is no longer registered.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    call = ClaimCall(worker, number, room, quantum, tuple(lanes))
    return read_claim(await store.run("claim", *call.arguments()))


def read_claim(reply: Any) -> Claim | None:
    """Read what claim.lua answers; None when the worker is no longer registered."""
    if reply[0] == b"GONE":
        return None
    now, fence, next_due = int(reply[1]), int(reply[2] or 0), int(reply[4])
    jobs: list[Claimed] = []
    at, end = 5, len(reply)
    while at < end:
        type_name, count = reply[at].decode(), reply[at + 1]
        at += 2
        for i in range(at, at + 4 * count, 4):
            unique, due, payload, record = reply[i : i + 4]
            jobs.append(Claimed(type_name, unique.decode(), fence, now, int(float(due)), payload, record))
        at += 4 * count
    return Claim(jobs, bool(reply[3]), max(1, next_due - now) if next_due else 0)
