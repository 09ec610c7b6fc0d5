"""The operator's verbs: look at jobs, and move them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from jobframe.client import bulk, search
from jobframe.client.bulk import Replay
from jobframe.client.encoder import type_name
from jobframe.client.explanation import Explanation, explain
from jobframe.client.search import Found, Groups
from jobframe.core.duration import to_delay_ms
from jobframe.core.errors import UnknownJobType
from jobframe.core.job import State
from jobframe.core.jobtype import JobType
from jobframe.core.policy import nearest_name
from jobframe.core.rate import parse_rate
from jobframe.core.who import who
from jobframe.store import explain as standing
from jobframe.store import inspect, operate, policies
from jobframe.store.store import Store

__all__ = ["Operator"]


class Operator:
    """
    What operators do with the queues of one namespace; `Jobs` adds what producers do.

    Attributes:
        store: The store behind it.

    """

    def __init__(self, store: Store) -> None:
        """Work on *store*."""
        self.store = store

    async def jobs(
        self, type: str | JobType | None = None, state: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> inspect.Page:
        """
        Return a page of jobs and the cursor of the next one, None after the last.

        Waiting, delayed and active jobs come soonest first, ended and parked ones newest first.

        Args:
            type: Only of this type; None is all.
            state: Only in this state; None is all.
            cursor: As the page before gave it; None begins.
            limit: At most so many jobs.

        """
        return await inspect.jobs(self.store, _name(type), None if state is None else State(state), cursor, limit)

    async def find(
        self,
        type: str | JobType | None = None,
        state: str | None = None,
        match: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Found:
        """
        Return a page of the jobs that match, after at most 10,000 were looked at; the order is that of `jobs`.

        Args:
            type: Only of this type; None is all.
            state: Only in this state; None is all.
            match: The beginning of an id or of its unique part, any part of the error text, or a fingerprint.
            cursor: As the page before gave it; None begins.
            limit: At most so many jobs.

        """
        return await search.find(self.store, _name(type), None if state is None else State(state), match, cursor, limit)

    async def groups(
        self, type: str | JobType | None = None, state: str = "failed", match: str | None = None
    ) -> Groups:
        """
        Group by their error what the 10,000 newest jobs ended of, the most frequent first.

        Args:
            type: Only of this type; None is all.
            state: ``failed``, ``cancelled`` or ``parked``.
            match: As `find` takes it.

        """
        return await search.groups(self.store, _name(type), State(state), match)

    async def counts(self, type: str | JobType | None = None) -> dict[str, int]:
        """Count jobs by state, of one type or of all: the first five are now, the rest since the beginning."""
        return await inspect.counts(self.store, _name(type))

    async def explain(self, id: str) -> Explanation:
        """
        Tell why job *id* does not run, or what it does instead.

        Raises:
            JobNotFound: No such job.

        """
        return explain(await standing.read(self.store, id))

    async def cancel(self, id: str, reason: str = "") -> State:
        """
        Cancel a job, whatever it is doing; an ended job stays as it is.

        Returns:
            ``cancelled``, ``active`` when its worker was asked to cancel it, or the state in which it had ended.

        Raises:
            JobNotFound: No such job.

        """
        return await operate.cancel(self.store, id, reason)

    async def retry(self, id: str) -> None:
        """
        Queue a failed, cancelled or parked job again, its attempts from 0 and its history kept.

        Raises:
            JobNotFound: No such job.
            JobframeError: It is in another state, or a live job holds its key.

        """
        await operate.retry(self.store, id, who())

    async def retry_all(
        self,
        type: str | JobType,
        *,
        state: str = "failed",
        match: str | None = None,
        rate: str | None = None,
        dry_run: bool = False,
    ) -> Replay:
        """
        Queue all failed, cancelled or parked jobs of a type again, or those that match: each as `retry` does.

        Args:
            type: Job type.
            state: ``failed``, ``cancelled`` or ``parked``.
            match: Only those that match it, as `find` takes it.
            rate: Spread their due times: ``"100/m"``; None has all due now.
            dry_run: Only count them.

        Raises:
            StoreUnavailable: The server cannot be reached; some may be queued again, and a new call takes the rest.
            ValueError: An argument has an impossible value.

        """
        pace = None if rate is None else parse_rate(rate)
        return await bulk.retry_all(self.store, type_name(type), State(state), match, pace, dry_run=dry_run)

    async def pause(self, type: str | JobType) -> None:
        """
        Start no more jobs of *type*; what runs goes on.

        Raises:
            UnknownJobType: Nobody ever announced it.

        """
        await self._set_paused(type_name(type), "pause")

    async def resume(self, type: str | JobType) -> None:
        """
        Start jobs of *type* again.

        Raises:
            UnknownJobType: Nobody ever announced it.

        """
        await self._set_paused(type_name(type), "resume")

    async def purge(
        self,
        type: str | JobType | None = None,
        *,
        state: str,
        older_than: str | dt.timedelta | None = None,
        match: str | None = None,
        dry_run: bool = False,
    ) -> int:
        """
        Remove jobs with all that is kept of them.

        Args:
            type: Only of this type; None is all.
            state: Only in this state; ``active`` jobs must be cancelled instead.
            older_than: Only those that ended, were parked or came due at least this long ago: ``"7d"``.
            match: As `find` takes it.
            dry_run: Only count them.

        Returns:
            How many were removed. A completed job whose id the caller chose stays for ten minutes after its end.

        Raises:
            ValueError: Jobs in that state cannot be removed, there is no such state, or the text to match is empty.

        """
        age_ms = 0 if older_than is None else to_delay_ms(older_than)
        return await bulk.remove(self.store, _name(type), State(state), age_ms, match, dry_run=dry_run)

    async def _set_paused(self, name: str, action: Any) -> None:
        try:
            await operate.pause(self.store, name, action, who())
        except UnknownJobType:
            announced = await policies.read(self.store)
            raise UnknownJobType(name, nearest_name(name, list(announced))) from None


def _name(type: str | JobType | None) -> str | None:
    """Name the type to look at; an empty text, an unset variable of a shell perhaps, does not stand for all."""
    return None if type is None else type_name(type)
