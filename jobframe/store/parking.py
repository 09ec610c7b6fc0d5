"""Releasing parked jobs: by a worker that can read what the one that parked them could not."""

from __future__ import annotations

from collections.abc import Mapping

from jobframe.store.store import Store

__all__ = ["unpark"]

_MOST_AT_ONCE = 256


async def unpark(store: Store, versions: Mapping[str, int], delay_ms: int = 0) -> int:
    """
    Queue parked jobs again whose payloads are no newer than these *versions*.

    Args:
        store: The store.
        versions: Job type → newest version of its payload that the caller reads.
        delay_ms: How long they wait until they are due.

    Returns:
        How many jobs that were.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    pairs = [part for pair in versions.items() for part in pair]
    total = 0
    while True:
        released: int = await store.run("unpark", delay_ms, _MOST_AT_ONCE, *pairs)
        total += released
        if released < _MOST_AT_ONCE:
            return total
