"""The schedules in force: put there like policies, and fired by whoever comes first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import attrs
import msgspec

from jobframe.core.errors import JobframeError
from jobframe.core.policy import nearest
from jobframe.core.schedule import Schedule
from jobframe.store.enqueue import Encoded, Stale
from jobframe.store.policies import fingerprint
from jobframe.store.store import Store

__all__ = ["Answer", "InForce", "Progress", "Seen", "UnknownSchedule", "fire", "put", "read"]


class UnknownSchedule(JobframeError):
    """
    No schedule of this name is in force.

    Attributes:
        name: The name asked for.

    """

    def __init__(self, name: str, known: list[str]) -> None:
        """Keep *name*; the text says which of the *known* ones is nearest."""
        hint = (
            nearest(name, known) if known else ": a worker that starts with it, or `jobframe apply`, puts it in force"
        )
        super().__init__(f"no schedule {name!r} is in force{hint}")
        self.name = name


@attrs.frozen(kw_only=True)
class InForce:
    """
    One schedule in force.

    Attributes:
        schedule: The schedule.
        by: Who put it in force: a worker, or ``user@host``.
        version: Another one with each change.
        at: When it came in force, server milliseconds.

    """

    schedule: Schedule
    by: str
    version: int
    at: int


@attrs.frozen(kw_only=True)
class Progress:
    """
    A schedule in force and how far it has come.

    Attributes:
        in_force: The schedule.
        slot_ms: The last slot that was dealt with; at first, when it came in force.
        fired_at_ms: When it last made a job; None when never.
        fired: Jobs that it made.
        live: Slots that made none because a job of it was live.
        full: Slots that made none because as many jobs of the type waited as its ``max_waiting`` allows.

    """

    in_force: InForce
    slot_ms: int
    fired_at_ms: int | None
    fired: int
    live: int
    full: int


@attrs.frozen
class Seen:
    """
    What one look at the schedules shows.

    Attributes:
        now_ms: The server's time.
        schedules: By name.

    """

    now_ms: int
    schedules: dict[str, Progress]


What = Literal["FIRED", "DONE", "EARLY", "LIVE", "FULL", "CHANGED"]


@attrs.frozen
class Answer:
    """
    What came of a slot.

    Attributes:
        now_ms: The server's time.
        what: As fire_schedule.lua says.
        detail: Which job is live, or how many may wait.

    """

    now_ms: int
    what: What
    detail: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(InForce).decode


async def put(
    store: Store, types: Collection[str], schedules: Iterable[Schedule], by: str, *, edited_ms: int | None = None
) -> tuple[str, ...]:
    """
    Put *schedules* in force, and those of *types* that are not among them out of force.

    Args:
        store: The store.
        types: Job types whose schedules these are.
        schedules: All that there shall be for these types.
        by: Who does it.
        edited_ms: When their file was last edited: what was superseded later than that stays superseded; None brings it
            back all the same.

    Returns:
        The names of those that changed, came or went.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    args: list[str | bytes | int] = ["" if edited_ms is None else edited_ms, len(types), *types]
    for schedule in schedules:
        document = _encode({"schedule": schedule, "by": by})
        args += [schedule.name, fingerprint(schedule), schedule.timing, schedule.job, document]
    return tuple(name.decode() for name in await store.run("set_schedules", *args))


async def read(store: Store) -> Seen:
    """
    Read what is in force.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    now_ms, *rest = await store.run("schedules")
    found: dict[str, Progress] = {}
    for document, *numbers in zip(*[iter(rest)] * 6, strict=True):
        in_force = _decode(document)
        slot_ms, fired_at_ms, fired, live, full = map(int, numbers)
        found[in_force.schedule.name] = Progress(
            in_force=in_force,
            slot_ms=slot_ms,
            fired_at_ms=fired_at_ms or None,
            fired=fired,
            live=live,
            full=full,
        )
    return Seen(int(now_ms), dict(sorted(found.items())))


async def fire(store: Store, in_force: InForce, slot_ms: int, job: Encoded, *, by_hand: bool = False) -> Answer | Stale:
    """
    Enqueue the job of one slot, if nobody has and nothing forbids it.

    Args:
        store: The store.
        in_force: The schedule as the caller knows it.
        slot_ms: The slot.
        job: Its job.
        by_hand: Enqueue it whatever the slots and the overlap say.

    Raises:
        StoreUnavailable: The server cannot be reached or used; to ask again for the same slot enqueues nothing twice.
        StoreFull: Its memory is full; nothing was changed.

    """
    schedule = in_force.schedule
    after = schedule.next_slot(slot_ms) or slot_ms
    mode = "hand" if by_hand else schedule.overlap
    now_ms, what, detail = await store.run_durably(
        "fire_schedule", schedule.name, in_force.version, slot_ms, after - slot_ms, mode,
        job.type, job.policy_version, job.unique, job.tail,
    )  # fmt: skip
    if what == b"STALE":
        return Stale(job.type, detail)
    return Answer(int(now_ms), what.decode(), detail.decode() if isinstance(detail, bytes) else str(detail))
