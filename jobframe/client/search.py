"""Looking through many jobs: those that match a text, and what they ended of in common."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from typing import Self

import attrs

from jobframe.core.fingerprint import Cause, cause, matches
from jobframe.core.job import JobInfo, State
from jobframe.store import inspect
from jobframe.store.store import Store

__all__ = ["ENDED_BADLY", "MOST_SCANNED", "Found", "Group", "Groups", "find", "groups", "pages"]

ENDED_BADLY = (State.FAILED, State.CANCELLED, State.PARKED)
"""What an operator can retry."""

MOST_SCANNED = 10_000
"""Jobs that one search looks at."""

_PAGE_OF_A_TYPE = 100
"""Small, for there is a page of every type in memory."""


@attrs.frozen
class Found:
    """
    Jobs that match, and how far the search went.

    Attributes:
        jobs: The jobs, without their payloads.
        cursor: Give it back to go on; None when there is nothing more to look at.
        scanned: How many jobs were looked at.
        complete: Whether there is nothing more to look at.

    """

    jobs: tuple[JobInfo, ...]
    cursor: str | None
    scanned: int

    @property
    def complete(self) -> bool:
        """Nothing more to look at."""
        return self.cursor is None


@attrs.frozen
class Group:
    """
    Jobs that ended of the same.

    Attributes:
        cause: What the newest of them ended of.
        count: How many they are.
        types: Their types, by name.
        first_ms: When the oldest ended.
        last_ms: When the newest ended.
        newest: Id of the newest.

    """

    cause: Cause
    count: int
    types: tuple[str, ...]
    first_ms: int
    last_ms: int
    newest: str

    @classmethod
    def of(cls, info: JobInfo, why: Cause) -> Self:
        """Begin a group with its newest job."""
        ended_ms = info.since_ms or 0
        return cls(why, 1, (info.type,), ended_ms, ended_ms, info.id)

    def joined_by(self, info: JobInfo) -> Self:
        """Add a job that ended before all others."""
        types = tuple(sorted({*self.types, info.type}))
        return attrs.evolve(self, count=self.count + 1, types=types, first_ms=info.since_ms or 0)


@attrs.frozen
class Groups:
    """
    What jobs ended of, the most frequent first, and how far the search went.

    Attributes:
        groups: One for each fingerprint.
        scanned: How many jobs were looked at, the newest.
        complete: Whether these were all.

    """

    groups: tuple[Group, ...]
    scanned: int
    complete: bool


async def find(
    store: Store, type: str | None, state: State | None, match: str | None, cursor: str | None, limit: int
) -> Found:
    """
    Look for jobs that match, in the order of `inspect.jobs`, until *limit* are found or 10,000 were looked at.

    Raises:
        StoreUnavailable: The server cannot be reached or used.
        ValueError: The text is empty, the cursor is none of ours, or the limit is below 1.

    """
    _check_match(match)
    if match is None or limit < 1:
        page = await inspect.jobs(store, type, state, cursor, limit)
        return Found(page.jobs, page.cursor, len(page.jobs))
    found: list[JobInfo] = []
    scanned, limit = 0, min(limit, inspect.MOST_JOBS)
    while True:
        page = await inspect.jobs(store, type, state, cursor, min(inspect.MOST_JOBS, MOST_SCANNED - scanned))
        while len(places := _places(page, match)) > (left := limit - len(found)):
            page = await inspect.jobs(store, type, state, cursor, places[left - 1])  # up to the last that is wanted
        found += [page.jobs[place - 1] for place in places]
        scanned += len(page.jobs)
        cursor = page.cursor
        if cursor is None or len(found) == limit or scanned >= MOST_SCANNED:
            return Found(tuple(found), cursor, scanned)


async def groups(store: Store, type: str | None, state: State, match: str | None) -> Groups:
    """
    Group by fingerprint what the 10,000 newest jobs in *state* ended of.

    Raises:
        StoreUnavailable: The server cannot be reached or used.
        ValueError: The text is empty, or jobs in that state have not ended badly.

    """
    if state not in ENDED_BADLY:
        msg = f"jobs that are {state} cannot be grouped by what they ended of: only {', '.join(ENDED_BADLY)} ones"
        raise ValueError(msg)
    _check_match(match)
    found: dict[str, Group] = {}
    scanned, complete = 0, True
    async for info in _newest(store, type, state):
        if scanned == MOST_SCANNED:
            complete = False
            break
        scanned += 1
        if match is None or matches(info, match):
            why = cause(info) or Cause("", "")
            known = found.get(why.fingerprint)
            found[why.fingerprint] = Group.of(info, why) if known is None else known.joined_by(info)
    ordered = sorted(found.values(), key=lambda group: (-group.count, -group.last_ms))
    return Groups(tuple(ordered), scanned, complete)


async def pages(store: Store, type: str | None, state: State, match: str | None) -> AsyncIterator[Sequence[JobInfo]]:
    """
    Go through all jobs in *state*, whose pages may be moved elsewhere as they come; yields those that match.

    A page is handed out after the next was read, so that its cursor never rests on a job that was moved.
    """
    _check_match(match)
    cursor: str | None = None
    before: Sequence[JobInfo] = ()
    while True:
        page = await inspect.jobs(store, type, state, cursor, inspect.MOST_JOBS)
        if before:
            yield before
        before = [info for info in page.jobs if match is None or matches(info, match)]
        cursor = page.cursor
        if cursor is None:
            break
    if before:
        yield before


def _check_match(match: str | None) -> None:
    if match is not None and not match.strip():  # an unset variable of a shell must not stand for everything
        msg = "the text to match is empty: leave it out to take all"
        raise ValueError(msg)


def _places(page: inspect.Page, match: str) -> list[int]:
    return [place for place, info in enumerate(page.jobs, 1) if matches(info, match)]


async def _newest(store: Store, type: str | None, state: State) -> AsyncIterator[JobInfo]:
    """Yield the jobs of all types merged by their ends, the newest first."""
    names = [type] if type is not None else [each.type for each in (await inspect.snapshot(store, "")).types]
    streams = [_of_one_type(store, name, state) for name in names]
    heads: list[tuple[int, int, JobInfo]] = []
    for number, stream in enumerate(streams):
        if (first := await anext(stream, None)) is not None:
            heapq.heappush(heads, (-(first.since_ms or 0), number, first))
    while heads:
        _, number, info = heapq.heappop(heads)
        yield info
        if (following := await anext(streams[number], None)) is not None:
            heapq.heappush(heads, (-(following.since_ms or 0), number, following))


async def _of_one_type(store: Store, type: str, state: State) -> AsyncIterator[JobInfo]:
    cursor: str | None = None
    while True:
        page = await inspect.jobs(store, type, state, cursor, _PAGE_OF_A_TYPE)
        for info in page.jobs:
            yield info
        cursor = page.cursor
        if cursor is None:
            return
