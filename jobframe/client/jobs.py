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
from jobframe.client.handle import Handle
from jobframe.client.operator import Operator
from jobframe.core import ids
from jobframe.core.errors import JobframeError, PayloadError, RestrictedField, UnknownJobType
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType, declared
from jobframe.core.keyring import Keyring
from jobframe.store import inspect, policies
from jobframe.store.enqueue import Encoded, Stale, batches
from jobframe.store.store import Store

__all__ = ["Jobs"]

_MAY_BE_OUTDATED = (UnknownJobType, PayloadError, RestrictedField)
"""Refusals that a newer announcement may take back: a producer outlives its workers."""


class Jobs(Operator):
    """
    The queues of one namespace: enqueue, look, operate.

    Attributes:
        ends: Waits for results.

    """

    def __init__(
        self,
        store: Store,
        import_plugin: Callable[[str], None] | None = None,
        keyring: Callable[[], Keyring] = Keyring,
    ) -> None:
        """
        Work on *store*, which the caller closes after `aclose`.

        Args:
            store: The store.
            import_plugin: Imports what may declare a type that nobody has announced; None leaves it unknown.
            keyring: Returns the keys; asked for them when a type has fields to seal.

        """
        super().__init__(store)
        self.ends = Ends(store)
        self._import_plugin = import_plugin
        self._encoder = Encoder(keyring)
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
            RestrictedField: The type has sealed fields, and this process has no key.
            ConfigError: It has keys that cannot be read.
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

    async def encode(self, job: NewJob, stale: Stale | None = None) -> Encoded:
        """Check and encode *job* without sending it, again after a *stale* answer; raises what `enqueue` raises."""
        if stale is not None:
            self._encoder.learn(stale)
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

    async def aclose(self) -> None:
        """Finish what is being sent and stop listening."""
        await self._coalescer.aclose()
        await self.ends.aclose()

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
