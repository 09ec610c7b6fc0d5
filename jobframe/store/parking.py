"""Releasing parked jobs: by a worker that can read what the one that parked them could not."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jobframe.store.claim import Claim, ClaimCall, read_claim
from jobframe.store.store import Store

__all__ = ["Release", "unpark"]

_MOST_AT_ONCE = 256


@attrs.frozen
class Release:
    """
    What one call released.

    Attributes:
        jobs: How many jobs that were.
        more: Whether to call again.
        claim: The answer to the claim that went along.

    """

    jobs: int
    more: bool
    claim: Claim | None = None


async def unpark(
    store: Store, versions: Mapping[str, int], claiming: ClaimCall | None = None, *, delay_ms: int = 0
) -> Release:
    """
    Queue parked jobs again whose payloads are no newer than these *versions*, a batch of them.

    Args:
        store: The store.
        versions: Job type → newest version of its payload that the caller reads.
        claiming: A claim to send along: of what is released, the caller takes what it has room for before anybody.
        delay_ms: How long they wait until they are due.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    arguments = [delay_ms, _MOST_AT_ONCE, *(part for pair in versions.items() for part in pair)]
    if claiming is None:
        jobs, more = await store.run("unpark", *arguments)
        return Release(jobs, bool(more))
    (jobs, more), reply = await store.run_both(("unpark", arguments), ("claim", claiming.arguments()))
    return Release(jobs, bool(more), read_claim(reply))
