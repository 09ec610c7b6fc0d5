"""Releasing parked jobs: by a worker that can read what the one that parked them could not."""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
    store: Store,
    versions: Mapping[str, int],
    claiming: ClaimCall | None = None,
    *,
    keys: Collection[str] = (),
    delay_ms: int = 0,
) -> Release:
    """
    Queue parked jobs again, a batch, whose payloads are no newer than *versions* and sealed with none but these *keys*.

    Args:
        store: The store.
        versions: Job type → newest version of its payload that the caller reads.
        claiming: A claim to send along: of what is released, the caller takes what it has room for before anybody.
        keys: Ids of the keys that it has.
        delay_ms: How long they wait until they are due.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    types = (part for pair in versions.items() for part in pair)
    arguments = [delay_ms, _MOST_AT_ONCE, len(keys), *keys, *types]
    if claiming is None:
        jobs, more = await store.run("unpark", *arguments)
        return Release(jobs, bool(more))
    (jobs, more), reply = await store.run_both(("unpark", arguments), ("claim", claiming.arguments()))
    return Release(jobs, bool(more), read_claim(reply))
