"""Looks for jobs that no script leaves behind, and only evicted, damaged or hand-deleted keys can; mends them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, get_args

import attrs

from jobframe.core import ids
from jobframe.store import inspect
from jobframe.store.store import Store

__all__ = ["Examined", "Trouble", "examine"]

Trouble = Literal["unheld", "unlisted", "lost", "stray", "unlined", "placed", "locked", "leftover", "behind"]
"""
What can be wrong with a job, in the order in which it is looked for and mended.

``unheld``: active, but no worker holds it; it fills its type's concurrency for ever. Mended as after a crash.
``unlisted``: held by a worker, but not among the active ones. Mended by listing it.
``lost``: queued, but its payload is gone. Mended by ending it as failed.
``stray``: in no state; it would never run. Mended by queueing it.
``unlined``: due and in no line of its group; it would never run. Mended by lining it up.
``placed``: it keeps a place in its group and neither runs nor waits; fewer of the group run. Mended by freeing it.
``locked``: ended, but it still holds its exclusion key. Mended by freeing the key.
``leftover``: in no state, and something is still kept of it. Mended by dropping that.
``behind``: waiting for the end of a job that has ended or is gone. Mended by letting it start.
"""

_STEP = 200
"""Entries per call: the server answers nobody else meanwhile."""

_LEVELS = ("h", "n", "l", "b")
_KEPT = ("record", "reason", "result", "steps", "progress")


@attrs.frozen
class Examined:
    """
    What an examination found.

    Attributes:
        looked_at: Entries looked at.
        troubles: Trouble → ids of the jobs that have it.
        repaired: Whether they were mended.

    """

    looked_at: int
    troubles: dict[Trouble, list[str]]
    repaired: bool


async def examine(store: Store, *, repair: bool = False) -> Examined:
    """
    Look at every job of the namespace, in steps between which the server serves others.

    Args:
        store: The store.
        repair: Whether to mend what is found; each finding and its repair are one step of the server's.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    found: dict[Trouble, set[str]] = {trouble: set() for trouble in get_args(Trouble)}
    looked_at = 0
    async for trouble, entries, fields in _steps(store, int(repair)):
        looked_at += entries
        found[trouble] |= {ids.join(*field.decode().split("\t")) for field in fields}
    return Examined(looked_at, {trouble: sorted(jobs) for trouble, jobs in found.items() if jobs}, repair)


async def _steps(store: Store, repair: int) -> AsyncIterator[tuple[Trouble, int, list[bytes]]]:
    for trouble, subject, queue in await _indexes(store):
        cursor: str | bytes = "0"
        while True:
            cursor, entries, *fields = await store.run("doctor", trouble, subject, cursor, _STEP, repair, queue)
            yield trouble, entries, fields
            if cursor == b"0":
                break


async def _indexes(store: Store) -> list[tuple[Trouble, str, str]]:
    """Name every index to go through: trouble, type or worker, queue or hash."""
    now = await inspect.snapshot(store, "")
    types = [each.type for each in now.types]
    return [
        *(("unheld", name, "") for name in types),
        *(("unlisted", each.worker, "") for each in now.workers),
        *(("lost", name, level) for name in types for level in _LEVELS),
        *(("stray", name, "") for name in types),
        *(("unlined", name, "") for name in types),
        *(("placed", name, "") for name in types),
        *(("locked", name, "") for name in types),
        *(("leftover", name, part) for name in types for part in _KEPT),
        *(("behind", name, "") for name in types),
    ]
