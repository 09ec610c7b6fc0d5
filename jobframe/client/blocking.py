"""The blocking twin: the same verbs for code without an event loop, carried out by a loop in another thread."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from jobframe.client.bulk import Replay
from jobframe.client.explanation import Explanation
from jobframe.client.handle import Handle
from jobframe.client.jobs import Jobs
from jobframe.client.search import Found, Groups
from jobframe.core.job import JobInfo, NewJob, State
from jobframe.core.jobtype import JobType
from jobframe.core.keyring import Keyring
from jobframe.store.inspect import Page
from jobframe.store.store import Store

__all__ = ["Runner", "SyncHandle", "SyncJobs", "open_blocking", "runner"]

Answer = TypeVar("Answer")


class Runner(Protocol):
    """Runs a coroutine in some event loop and waits for its answer."""

    def __call__(self, work: Coroutine[Any, Any, Answer], /) -> Answer:
        """Run *work*."""


def runner(loop: asyncio.AbstractEventLoop) -> Runner:
    """Return what runs coroutines in *loop*, which another thread keeps running, and waits for them in this one."""

    def run(work: Coroutine[Any, Any, Answer], /) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    return run


class SyncHandle:
    """
    One job; see `Handle`.

    Attributes:
        id: Job id.
        created: False when an equal job was found.

    """

    def __init__(self, run: Runner, handle: Handle) -> None:
        """Wrap *handle*."""
        self._run = run
        self._handle = handle
        self.id = handle.id
        self.created = handle.created

    def status(self) -> State:
        """Return the state it is in; see `Handle.status`."""
        return self._run(self._handle.status())

    def info(self) -> JobInfo:
        """Return all that is known of it; see `Handle.info`."""
        return self._run(self._handle.info())

    def result(self, timeout: str | dt.timedelta | float | None = None) -> Any:
        """Wait until it has ended and return its result; see `Handle.result`."""
        return self._run(self._handle.result(timeout))

    def cancel(self, reason: str = "") -> State:
        """Cancel it; see `Jobs.cancel`."""
        return self._run(self._handle.cancel(reason))

    def __repr__(self) -> str:
        """Job id."""
        return f"<SyncHandle {self.id}>"


class SyncJobs:
    """The verbs of `Jobs`, blocking; safe to share between threads."""

    def __init__(self, jobs: Jobs, run: Runner) -> None:
        """Have *run* carry out the verbs of *jobs*."""
        self._jobs = jobs
        self._run = run

    def enqueue(self, type: str | JobType, payload: Any = None, **options: Any) -> SyncHandle:
        """Enqueue one job; see `Jobs.enqueue`."""
        return SyncHandle(self._run, self._run(self._jobs.enqueue(type, payload, **options)))

    def enqueue_many(self, items: Iterable[NewJob | tuple[Any, ...]]) -> list[SyncHandle]:
        """Enqueue any mix of jobs; see `Jobs.enqueue_many`."""
        return [SyncHandle(self._run, handle) for handle in self._run(self._jobs.enqueue_many(items))]

    def job(self, id: str) -> SyncHandle:
        """Return the handle of job *id*; see `Jobs.job`."""
        return SyncHandle(self._run, self._run(self._jobs.job(id)))

    def jobs(
        self, type: str | JobType | None = None, state: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Return a page of jobs; see `Jobs.jobs`."""
        return self._run(self._jobs.jobs(type, state, cursor, limit))

    def find(
        self, type: str | JobType | None = None, state: str | None = None, match: str | None = None, **page: Any
    ) -> Found:
        """Return a page of the jobs that match; see `Jobs.find`."""
        return self._run(self._jobs.find(type, state, match, **page))

    def groups(self, type: str | JobType | None = None, state: str = "failed", match: str | None = None) -> Groups:
        """Group jobs by what they ended of; see `Jobs.groups`."""
        return self._run(self._jobs.groups(type, state, match))

    def counts(self, type: str | JobType | None = None) -> dict[str, int]:
        """Count jobs by state; see `Jobs.counts`."""
        return self._run(self._jobs.counts(type))

    def explain(self, id: str) -> Explanation:
        """Tell why a job does not run; see `Jobs.explain`."""
        return self._run(self._jobs.explain(id))

    def cancel(self, id: str, reason: str = "") -> State:
        """Cancel a job; see `Jobs.cancel`."""
        return self._run(self._jobs.cancel(id, reason))

    def retry(self, id: str) -> None:
        """Queue an ended or parked job again; see `Jobs.retry`."""
        self._run(self._jobs.retry(id))

    def retry_all(self, type: str | JobType, **which: Any) -> Replay:
        """Queue all ended or parked jobs of *type* again, or those that match; see `Jobs.retry_all`."""
        return self._run(self._jobs.retry_all(type, **which))

    def pause(self, type: str | JobType) -> None:
        """Start no more jobs of *type*; see `Jobs.pause`."""
        self._run(self._jobs.pause(type))

    def resume(self, type: str | JobType) -> None:
        """Start jobs of *type* again; see `Jobs.resume`."""
        self._run(self._jobs.resume(type))

    def purge(self, type: str | JobType | None = None, *, state: str, **which: Any) -> int:
        """Remove jobs with all that is kept of them; see `Jobs.purge`."""
        return self._run(self._jobs.purge(type, state=state, **which))


@contextmanager
def open_blocking(
    url: str, namespace: str, durability: str, import_plugin: Callable[[str], None], keyring: Callable[[], Keyring]
) -> Iterator[SyncJobs]:
    """Open the queues of *namespace* at *url*, with an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="jobframe-client", daemon=True)
    thread.start()
    run = runner(loop)
    try:
        jobs = run(_open(url, namespace, durability, import_plugin, keyring))
        try:
            yield SyncJobs(jobs, run)
        finally:
            run(_close(jobs))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _open(
    url: str, namespace: str, durability: str, import_plugin: Callable[[str], None], keyring: Callable[[], Keyring]
) -> Jobs:
    return Jobs(Store(url, namespace, durability), import_plugin, keyring)


async def _close(jobs: Jobs) -> None:
    await jobs.aclose()
    await jobs.store.aclose()
