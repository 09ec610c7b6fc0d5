"""What a running handler notes of its job: how far it has come, and which of its steps are done."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jobframe.core import ids
from jobframe.core.errors import Fenced
from jobframe.core.progress import Progress
from jobframe.store.store import Store

__all__ = ["Report", "encode_progress", "mark_step", "write_progress"]

_AT_ONCE = 256


class Report(msgspec.Struct, frozen=True):
    """
    How far a running job has come.

    Attributes:
        id: Job id.
        fence: Fence under which it runs.
        progress: What its handler reported, scrubbed.

    """

    id: str
    fence: int
    progress: Progress


def encode_progress(progress: Progress) -> bytes:
    """Write it as ``notes.lua`` takes it, which adds the time."""
    return msgspec.json.encode({"done": progress.done, "total": progress.total, "note": progress.note})


async def write_progress(store: Store, worker: str, reports: Sequence[Report]) -> None:
    """
    Note how far jobs have come that *worker* holds; one that another run owns is left alone.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    for first in range(0, len(reports), _AT_ONCE):
        some = reports[first : first + _AT_ONCE]
        arguments: list[str | bytes | float] = [worker]
        for each in some:
            arguments += (*ids.split(each.id), each.fence, encode_progress(each.progress))
        await store.run("progress", *arguments)


async def mark_step(store: Store, worker: str, id: str, fence: int, step: str) -> list[str]:
    """
    Mark a *step* of a job as done, none when it is empty; doing so again changes nothing.

    With ``durability = "replicated"`` a mark waits for a replica, as an enqueue does: after a fail-over the job may run
    again, and its step may not.

    Returns:
        The names of all steps of the job that are done.

    Raises:
        Fenced: *worker* does not hold the job under that fence any more.
        StoreUnavailable: The server cannot be reached or used.

    """
    run = store.run_durably if step else store.run
    answer: tuple[int, bytes] = await run("steps", worker, *ids.split(id), fence, step)
    held, names = answer
    if not held:
        raise Fenced(id, fence)
    return names.decode().splitlines()
