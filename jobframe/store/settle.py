"""Record how attempts ended, many in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from jobframe.core.histogram import LAST, bucket
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Outcome, Parked, Retried, Snoozed
from jobframe.store.enqueue import Encoded
from jobframe.store.keys import field
from jobframe.store.store import Store

__all__ = ["SettleCall", "Settled", "settle"]


class Settled(msgspec.Struct, frozen=True):
    """
    One attempt's end, ready to be recorded.

    Attributes:
        type: Job type.
        unique: Unique part of its id.
        fence: Fence under which it was claimed.
        due_ms: When it was due, for a job that is given back.
        outcome: How it ended.
        record: New record; empty keeps what is stored.
        wait_ms: How long it had waited for its start; -1 when it never started.
        run_ms: How long it ran.
        follow_ups: Jobs to enqueue if and only if this one completes.
        reached: How far it came, unless that is noted; empty when it completes.

    """

    type: str
    unique: str
    fence: int
    due_ms: int
    outcome: Outcome
    record: bytes = b""
    wait_ms: int = -1
    run_ms: int = 0
    follow_ups: Sequence[Encoded] = ()
    reached: bytes = b""


Argument = str | bytes | int

_KINDS: dict[type, str] = {
    Completed: "completed",
    Retried: "retried",
    Snoozed: "snoozed",
    Failed: "failed",
    Cancelled: "cancelled",
    Parked: "parked",
    Crashed: "crashed",
    Interrupted: "interrupted",
}


_WAITS = [f"w{number}" for number in range(LAST + 1)]
_RUNS = [f"r{number}" for number in range(LAST + 1)]


async def settle(store: Store, worker: str, number: int, batch: Iterable[Settled]) -> list[tuple[Settled, bool]]:
    """
    Record a batch; each outcome counts only while *worker* still holds its job under its fence.

    Args:
        store: The store.
        worker: This worker's name.
        number: Number of the call, rising by one; sent again after a lost answer it changes nothing more.
        batch: What ended.

    Returns:
        Each with True when it was recorded, False when it was fenced: another run owns the job.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    call = SettleCall(worker, number, batch)
    return call.read(await store.run("settle", *call.arguments))


class SettleCall:
    """
    One call that records a batch, laid out as settle.lua reads it.

    Attributes:
        arguments: The script's arguments.

    """

    def __init__(self, worker: str, number: int, batch: Iterable[Settled]) -> None:
        """Lay out *batch*; the other arguments are those of `settle`."""
        groups: dict[tuple[str, type], list[Settled]] = {}
        for each in batch:
            groups.setdefault((each.type, type(each.outcome)), []).append(each)
        self._order = list(chain.from_iterable(groups.values()))
        self.arguments: list[Argument] = [worker, number, *_laid_out(groups)]

    def read(self, codes: Iterable[int]) -> list[tuple[Settled, bool]]:
        """Read what settle.lua answers: each outcome with True when it was recorded."""
        return list(zip(self._order, map(bool, codes), strict=True))


def _laid_out(groups: dict[tuple[str, type], list[Settled]]) -> list[Argument]:
    args: list[Argument] = []
    for (type_name, outcome), members in groups.items():
        args += ("end", type_name, _KINDS[outcome], len(members))
        for each in members:
            args += (each.unique, each.fence, *_argument_and_data(each))
    for type_name, counts in _observed(groups).items():
        args += ("observed", type_name, len(counts))
        for name, count in counts.items():
            args += (name, count)
    for type_name, reports in _reached(groups).items():
        args += ("reached", type_name, len(reports) // 2, *reports)
    for type_name, jobs in _followed(groups).items():
        args += ("follow", type_name, len(jobs) // 4, *jobs)
    return args


def _argument_and_data(each: Settled) -> tuple[Argument, bytes]:
    match each.outcome:
        case Completed(result):
            return "", result
        case Retried(delay_ms) | Snoozed(delay_ms):
            return f"+{delay_ms}", each.record
        case Crashed():
            return f"@{each.due_ms}", each.record
        case Interrupted(delay_ms):
            return f"+{delay_ms}" if delay_ms else f"@{each.due_ms}", each.record
        case Failed(reason) | Cancelled(reason) | Parked(reason):
            return reason, each.record


def _observed(groups: dict[tuple[str, type], list[Settled]]) -> dict[str, Counter[str]]:
    """Count the waits and runs of every attempt that really started, per type and bucket."""
    observed: dict[str, Counter[str]] = {}
    for (type_name, outcome), members in groups.items():
        if outcome is Interrupted:
            continue
        counts = observed.setdefault(type_name, Counter())
        for each in members:
            if each.wait_ms >= 0:
                counts[_WAITS[bucket(each.wait_ms)]] += 1
                counts[_RUNS[bucket(each.run_ms)]] += 1
    return {type_name: counts for type_name, counts in observed.items() if counts}


def _reached(groups: dict[tuple[str, type], list[Settled]]) -> dict[str, list[Argument]]:
    """Lay out how far jobs came, by type."""
    reached: dict[str, list[Argument]] = {}
    for (type_name, _), members in groups.items():
        for each in members:
            if each.reached:
                reached.setdefault(type_name, []).extend((each.unique, each.reached))
    return reached


def _followed(groups: dict[tuple[str, type], list[Settled]]) -> dict[str, list[Argument]]:
    """Lay out the follow-ups of completed jobs by their own type, each with its parent."""
    followed: dict[str, list[Argument]] = {}
    for (type_name, outcome), members in groups.items():
        if outcome is not Completed:
            continue
        for each in members:
            for job in each.follow_ups:
                followed.setdefault(job.type, []).extend(
                    (field(type_name, each.unique), job.unique, job.when, job.tail)
                )
    return followed
