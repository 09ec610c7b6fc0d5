"""A worker's hold on its jobs: renewing it, giving it up, and taking it from the dead."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jobframe.store.store import BlockingStore, Store

__all__ = ["Renewed", "Swept", "held", "leave", "renew", "sweep"]

_MOST_GIVEN_BACK = 1000


@attrs.frozen
class Renewed:
    """
    The answer to a renewal.

    Attributes:
        held: Jobs the store thinks this worker holds.
        policy: Version of the policies in force.
        sweep: Whether somebody should sweep: a worker is overdue, or nobody kept house for a while.
        cancels: ``type<tab>id`` → fence and reason of each running job that somebody asked to cancel.

    """

    held: int
    policy: int
    sweep: bool
    cancels: Mapping[str, tuple[int, str]]


@attrs.frozen
class Swept:
    """
    What one sweep did.

    Attributes:
        jobs: Jobs taken back from dead workers.
        workers: Dead workers removed.
        more: Whether it should be called again at once.

    """

    jobs: int
    workers: int
    more: bool


def renew(store: BlockingStore, worker: str, lease_ms: int) -> Renewed | None:
    """
    Renew the lease of *worker*; None when another worker took its jobs over.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    reply = store.run("renew", worker, lease_ms)
    if reply[0] == b"GONE":
        return None
    cancels = {}
    for job, value in zip(*[iter(reply[5:])] * 2, strict=True):
        fence, _, reason = value.decode().partition("\t")
        cancels[job.decode()] = (int(fence), reason)
    return Renewed(reply[2], reply[3], bool(reply[4]), cancels)


async def sweep(store: Store, lease_ms: int, *, may_take: bool) -> Swept:
    """
    Take over the jobs of dead workers and keep house; idempotent, bounded, callable by anyone.

    Args:
        store: The store.
        lease_ms: Length of a lease; a sweep interval is a third of it.
        may_take: False when the caller was itself late: it then writes suspicions only.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    jobs, workers, _, more = await store.run("sweep", lease_ms, lease_ms // 3, int(may_take))
    return Swept(jobs, workers, bool(more))


async def leave(store: Store, worker: str) -> int:
    """
    Give back, as interrupts, all that *worker* still holds, and remove it from the fleet.

    Returns:
        How many jobs it still held.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    total = 0
    while True:
        given_back: int = await store.run("leave", worker, _MOST_GIVEN_BACK)
        total += given_back
        if given_back < _MOST_GIVEN_BACK:
            return total


async def held(store: Store, worker: str) -> dict[str, int]:
    """
    Read ``type<tab>id`` → fence of all that the store thinks *worker* holds.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    reply = await store.run("held", worker)
    return {job.decode(): int(fence) for job, fence in zip(*[iter(reply)] * 2, strict=True)}
