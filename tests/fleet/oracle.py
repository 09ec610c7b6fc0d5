"""Judges from the outside, by what the handlers wrote down: a storm by its limits, and effects by their marks."""

from __future__ import annotations

import bisect
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from tests.fleet.ledger import Run


@attrs.frozen
class Change:
    """
    A limit put in force at some moment between two: of the server's clock, and of the machine's monotonic one.

    Attributes:
        limit: How many jobs may run at once from then on.
        server_us: The server's clock before and after, in microseconds.
        ns: The monotonic clock before and after.

    """

    limit: int
    server_us: tuple[int, int]
    ns: tuple[int, int]


class Limits:
    """
    What was in force when, for one type.

    Attributes:
        changes: Each limit, in the order in which they were put in force.

    """

    def __init__(self, redis: Any) -> None:
        """Ask the server behind *redis* for the time."""
        self._redis = redis
        self.changes: list[Change] = []

    async def change(self, limit: int, put_in_force: Any) -> None:
        """Note the times around ``await put_in_force()``."""
        before = await self._now()
        await put_in_force()
        after = await self._now()
        self.changes.append(Change(limit, (before[0], after[0]), (before[1], after[1])))

    async def _now(self) -> tuple[int, int]:
        seconds, micros = await self._redis.time()
        return seconds * 1_000_000 + micros, time.monotonic_ns()

    def most(self, run: Run) -> int:
        """
        Return the largest limit in force from the moment a run was granted to the moment it began.

        A fence is the server's time of the claim; what was put in force at about that time may or may not have counted.
        """
        surely = max(i for i, change in enumerate(self.changes) if i == 0 or change.server_us[1] < run.fence)
        return max(change.limit for change in self.changes[surely:] if change.ns[0] <= run.start)


def others_running(runs: Sequence[Run]) -> Iterator[tuple[Run, int]]:
    """Pair each run, in the order of their starts, with how many others ran when it began."""
    ends = sorted(run.end for run in runs if run.end is not None)
    for i, run in enumerate(sorted(runs, key=lambda run: run.start)):
        yield run, i - bisect.bisect_right(ends, run.start)


def too_many(runs: Sequence[Run], limits: Limits) -> list[tuple[Run, int, int]]:
    """List the runs that began while as many others ran as the limit allowed, or more."""
    judged = [(run, others, limits.most(run)) for run, others in others_running(runs)]
    return [each for each in judged if each[1] >= each[2]]


def share_used(
    runs: Sequence[Run], limits: Limits, lost: Sequence[tuple[int, int]], idle: Sequence[tuple[int, int]]
) -> float:
    """
    Return which share of the slots that were to be had was used, from the first start to the last.

    To be had is the limit in force, less one for each of *lost*, and nothing while *idle*: both from when to when, by
    the monotonic clock. What runs above a limit that was lowered is not counted.
    """
    edges = [(run.start, "running", 1) for run in runs] + [(run.end, "running", -1) for run in runs if run.end]
    for kind, spans in (("lost", lost), ("idle", idle)):
        edges += [(at, kind, step) for span in spans for at, step in zip(span, (1, -1), strict=True)]
    edges += [(change.ns[1], "limit", change.limit) for change in limits.changes]
    first, last = min(run.start for run in runs), max(run.start for run in runs)
    now, since, used, to_be_had = Counter[str](), first, 0, 0
    for at, kind, value in sorted(edges):
        if since < (until := min(at, last)):
            slots = 0 if now["idle"] else max(0, now["limit"] - now["lost"])
            used += min(now["running"], slots) * (until - since)
            to_be_had += slots * (until - since)
            since = until
        now[kind] = value if kind == "limit" else now[kind] + value
    return used / to_be_had


def after_effects(ledger):
    """Count runs of jobs that had had their effect: with it again before it was marked, and after; without it."""
    done, marked, again, started = set(), set(), Counter(), Counter()
    for line in ledger.lines():
        if line.what == "start":
            started["marked"] += line.job in marked
        elif line.what == "did effect":
            again[line.job in marked] += line.job in done
            done.add(line.job)
        elif line.what == "marked":
            marked.add(line.job)
    return again[False], again[True], started["marked"] - again[True]
