"""Carries out what handlers note of their jobs: progress now and then, the marks of steps at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from jobframe.core.context import Context
from jobframe.core.errors import JobframeError, StoreUnavailable
from jobframe.runtime.patience import Patience
from jobframe.store.notes import Report, mark_step, write_progress
from jobframe.store.store import Store

__all__ = ["Notes"]

_EVERY_S = 0.5
"""Progress is written that often at most, of all jobs in one call: a handler may report in a tight loop."""


class Notes:
    """One in each process that runs handlers."""

    def __init__(self, store: Store, worker: Callable[[], str], seen: Callable[[Context], bytes | None]) -> None:
        """
        Note in *store*, in a running loop.

        Args:
            store: The store.
            worker: Names the worker that holds the jobs.
            seen: Returns the JSON of the payloads whose values a handler may name; None when it runs no more.

        """
        self._store = store
        self._worker = worker
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._unwritten: dict[Context, None] = {}
        self._asked = asyncio.Event()
        self._stopped = asyncio.Event()

    def report(self, context: Context) -> None:
        """Write soon what *context* has reported last; callable from any thread."""
        if context not in self._unwritten:  # each of these is one step of the interpreter: no report falls between
            self._unwritten[context] = None
            self._loop.call_soon_threadsafe(self._asked.set)

    async def mark(self, context: Context, step: str) -> Iterable[str]:
        """
        Mark a step as done, none when it is empty, and return the names of all that are; tries until it is answered.

        Raises:
            Fenced: Another run owns the job.

        """
        marking = asyncio.ensure_future(self._mark(context, step))
        return await asyncio.shield(marking)  # its effect is there: a cancel must not keep it from being marked

    async def run(self) -> None:
        """Write progress until stopped."""
        patience = Patience("progress", self._store.reach)
        while not self._stopped.is_set():
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._write()
            except JobframeError as error:
                self._asked.set()
                await patience.wait(error)
            else:
                patience.done()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), _EVERY_S)

    def stop(self) -> None:
        """Write no more."""
        self._stopped.set()
        self._asked.set()

    async def _write(self) -> None:
        contexts = [self._unwritten.popitem()[0] for _ in range(len(self._unwritten))]
        newest = {context: context.reported for context in contexts}  # there may be a newer one when this is written
        reports = [
            Report(context.job_id, context.fence, progress.scrubbed(seen, context.secret))
            for context, progress in newest.items()
            if progress is not None and (seen := self._seen(context)) is not None
        ]
        try:
            await write_progress(self._store, self._worker(), reports)
        except JobframeError:
            self._unwritten.update(dict.fromkeys(contexts))
            raise
        for context, progress in newest.items():
            context.written = progress

    async def _mark(self, context: Context, step: str) -> Iterable[str]:
        patience = Patience("step", self._store.reach)
        while True:
            try:
                names = await mark_step(self._store, self._worker(), context.job_id, context.fence, step)
            except StoreUnavailable as error:
                await patience.wait(error)
            else:
                patience.done()
                return names
