"""What producers and operators hold: the queues of one namespace."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from jobframe.client.coalescer import Coalescer
from jobframe.client.encoder import Encoder, type_name
from jobframe.client.ends import Ends
from jobframe.client.explanation import Explanation, explain
from jobframe.client.handle import Handle
from jobframe.core import ids
from jobframe.core.duration import to_delay_ms
from jobframe.core.errors import JobframeError, PayloadError, RestrictedField, UnknownJobType
from jobframe.core.job import NewJob, State
from jobframe.core.jobtype import JobType, declared
from jobframe.core.policy import nearest_name
from jobframe.core.who import who
from jobframe.store import explain as standing
from jobframe.store import inspect, operate, policies, purge
from jobframe.store.enqueue import Encoded, batches
from jobframe.store.store import Store

__all__ = ["Jobs"]

_MAY_BE_OUTDATED = (UnknownJobType, PayloadError, RestrictedField)
"""Refusals that a newer announcement may take back: a producer outlives its workers."""


class Jobs:
    """
    The queues of one namespace: enqueue, look, operate.

    Attributes:
        store: The store behind it.
        ends: Waits for results.

    """

    def __init__(self, store: Store, import_plugin: Callable[[str], None] | None = None) -> None:
        """
        Work on *store*, which the caller closes after `aclose`.

        Args:
            store: The store.
            import_plugin: Imports what may declare a type that nobody has announced; None leaves it unknown.

        """
        self.store = store
        self.ends = Ends(store)
        self._import_plugin = import_plugin
        self._encoder = Encoder()
        self._learning = asyncio.Lock()
        self._coalescer = Coalescer(store, self._encoder)

    async def enqueue(  # noqa: PLR0913 - the contract's signature
        self,
        type: str | JobType,
        payload: Any = None,
        *,
        id: str | None = None,
        key: str | None = None,
        delay: str | dt.timedelta | None = None,
        at: dt.datetime | None = None,
        priority: str | None = None,
        expires: str | dt.timedelta | None = None,
        timeout: str | dt.timedelta | None = None,  # noqa: ASYNC109 - the job's, not this call's
        max_retries: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> Handle:
        """
        Enqueue one job; calls made at the same time go to the server together.

        Args:
            type: Job type, by name or as the `JobType`.
            payload: The attrs object, a dict, or None for no fields.
            id: Unique part of the job id; the same id again returns that job, also 10 minutes after its end.
            key: At most one live job of the type has it; a second one returns the first.
            delay: Earliest start from now.
            at: Earliest start, an aware datetime.
            priority: ``high``, ``normal`` or ``low`` instead of the type's.
            expires: The job never starts later than this after its enqueue.
            timeout: Time limit of one attempt instead of the type's.
            max_retries: Attempts after the first instead of the type's.
            headers: Small strings that travel with the job.

        Raises:
            UnknownJobType: The type is neither in this process nor was it ever announced by a worker.
            PayloadError: The payload does not fit its type, or is over 256 KiB.
            RestrictedField: The type has restricted fields.
            StoreUnavailable: The server cannot be reached; *acknowledged* is None when the job may be there.
            StoreFull: The server's memory is full.
            QueueFull: As many jobs of the type wait as its ``max_waiting`` allows.
            ValueError: An option has an impossible value.

        """
        job = NewJob(type, payload, id, key, delay, at, priority, expires, timeout, max_retries, headers)
        encoded = await self.encode(job)
        (answer,) = await self._coalescer.send((job,), [encoded])
        return self._handle(encoded, answer)

    async def enqueue_many(self, items: Iterable[NewJob | tuple[Any, ...]]) -> list[Handle]:
        """
        Enqueue any mix of jobs in batches; all are checked before any is sent.

        Args:
            items: `NewJob`s, or pairs of type and payload.

        Returns:
            One handle a job, in their order.

        Raises:
            JobframeError: As `enqueue`; its attribute *accepted* lists the handles of the jobs enqueued before it.

        """
        jobs = [item if isinstance(item, NewJob) else NewJob(*item) for item in items]
        encoded = await self._encode_all(jobs)
        handles: list[Handle] = []
        for batch in batches(encoded):
            members = jobs[len(handles) : len(handles) + len(batch)]
            try:
                answers = await self._coalescer.send(members, batch)
            except JobframeError as error:
                error.accepted = handles
                raise
            handles += [self._handle(job, answer) for job, answer in zip(batch, answers, strict=True)]
        return handles

    async def encode(self, job: NewJob) -> Encoded:
        """Check and encode *job* without sending it; raises what `enqueue` raises."""
        if type_name(job.type) in self._encoder.known:
            with contextlib.suppress(*_MAY_BE_OUTDATED):
                return self._encoder.encode(job)
        (encoded,) = await self._encode_all([job])
        return encoded

    async def job(self, id: str) -> Handle:
        """
        Return the handle of job *id*.

        Raises:
            JobNotFound: No such job.

        """
        await inspect.info(self.store, id)
        return Handle(self, id, created=False)

    async def jobs(
        self, type: str | None = None, state: str | None = None, cursor: str | None = None, limit: int = 50
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
        return await inspect.jobs(self.store, type, None if state is None else State(state), cursor, limit)

    async def counts(self, type: str | JobType | None = None) -> dict[str, int]:
        """Count jobs by state, of one type or of all: the first five are now, the rest since the beginning."""
        return await inspect.counts(self.store, None if type is None else type_name(type))

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
        await operate.retry(self.store, id)

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
        self, type: str | JobType | None = None, *, state: str, older_than: str | dt.timedelta | None = None
    ) -> int:
        """
        Remove jobs with all that is kept of them.

        Args:
            type: Only of this type; None is all.
            state: Only in this state; ``active`` jobs must be cancelled instead.
            older_than: Only those that ended, were parked or came due at least this long ago: ``"7d"``.

        Returns:
            How many were removed. A completed job whose id the caller chose stays for ten minutes after its end.

        Raises:
            ValueError: Jobs in that state cannot be removed, or there is no such state.

        """
        age_ms = 0 if older_than is None else to_delay_ms(older_than)
        return await purge.purge(self.store, None if type is None else type_name(type), State(state), age_ms)

    async def aclose(self) -> None:
        """Finish what is being sent and stop listening."""
        await self._coalescer.aclose()
        await self.ends.aclose()

    async def _set_paused(self, name: str, action: Any) -> None:
        try:
            await operate.pause(self.store, name, action, who())
        except UnknownJobType:
            announced = await policies.read(self.store)
            raise UnknownJobType(name, nearest_name(name, list(announced))) from None

    async def _encode_all(self, jobs: list[NewJob]) -> list[Encoded]:
        """Encode *jobs* by what is in force for their types; when that refuses one, by what is in force by now."""
        known = self._encoder.known
        names = {type_name(job.type) for job in jobs}
        if missing := names - known.keys():
            await self._learn(missing)
        with contextlib.suppress(*_MAY_BE_OUTDATED):
            return [self._encoder.encode(job) for job in jobs]
        everything = await policies.read(self.store)  # not only of these types: an error names the nearest
        known.update({**dict.fromkeys(names), **everything})
        return [self._encoder.encode(job) for job in jobs]

    async def _learn(self, names: set[str]) -> None:
        """Learn what is in force for *names*; those who ask for the same at the same time share one look."""
        async with self._learning:
            missing = names - self._encoder.known.keys()
            found = await policies.read(self.store, missing)
            for name in missing - found.keys() - declared().keys():
                if self._import_plugin is not None:
                    await asyncio.to_thread(self._import_plugin, name)
            self._encoder.known.update({name: found.get(name) for name in missing})

    def _handle(self, job: Encoded, answer: str | None) -> Handle:
        return Handle(self, ids.join(job.type, answer or job.unique), created=answer is None)
