"""The blocking twin: the same verbs for code without an event loop, carried out by a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from jobframe.client.handle import Handle
from jobframe.client.jobs import Jobs
from jobframe.core.job import JobInfo, NewJob, State
from jobframe.core.jobtype import JobType
from jobframe.store.inspect import Page
from jobframe.store.store import Store

__all__ = ["SyncHandle", "SyncJobs"]

Answer = TypeVar("Answer")


class _LoopThread:
    """An event loop in a daemon thread; work is handed to it and waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="jobframe-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run *work* in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncHandle:
    """
    One job; see `Handle`.

    Attributes:
        id: Job id.
        created: False when an equal job was found.

    """

    def __init__(self, thread: _LoopThread, handle: Handle) -> None:
        """Wrap *handle*."""
        self._thread = thread
        self._handle = handle
        self.id = handle.id
        self.created = handle.created

    def status(self) -> State:
        """Return the state it is in; see `Handle.status`."""
        return self._thread.run(self._handle.status())

    def info(self) -> JobInfo:
        """Return all that is known of it; see `Handle.info`."""
        return self._thread.run(self._handle.info())

    def result(self, timeout: str | dt.timedelta | float | None = None) -> Any:
        """Wait until it has ended and return its result; see `Handle.result`."""
        return self._thread.run(self._handle.result(timeout))

    def cancel(self, reason: str = "") -> State:
        """Cancel it; see `Jobs.cancel`."""
        return self._thread.run(self._handle.cancel(reason))

    def __repr__(self) -> str:
        """Job id."""
        return f"<SyncHandle {self.id}>"


class SyncJobs:
    """The verbs of `Jobs`, blocking; safe to share between threads."""

    def __init__(self, url: str, namespace: str) -> None:
        """Open the queues of *namespace* at *url*."""
        self._thread = _LoopThread()
        self._jobs = self._thread.run(_open(url, namespace))

    def enqueue(self, type: str | JobType, payload: Any = None, **options: Any) -> SyncHandle:
        """Enqueue one job; see `Jobs.enqueue`."""
        return SyncHandle(self._thread, self._thread.run(self._jobs.enqueue(type, payload, **options)))

    def enqueue_many(self, items: Iterable[NewJob | tuple[Any, ...]]) -> list[SyncHandle]:
        """Enqueue any mix of jobs; see `Jobs.enqueue_many`."""
        return [SyncHandle(self._thread, handle) for handle in self._thread.run(self._jobs.enqueue_many(items))]

    def job(self, id: str) -> SyncHandle:
        """Return the handle of job *id*; see `Jobs.job`."""
        return SyncHandle(self._thread, self._thread.run(self._jobs.job(id)))

    def jobs(
        self, type: str | None = None, state: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Return a page of jobs; see `Jobs.jobs`."""
        return self._thread.run(self._jobs.jobs(type, state, cursor, limit))

    def counts(self, type: str | JobType | None = None) -> dict[str, int]:
        """Count jobs by state; see `Jobs.counts`."""
        return self._thread.run(self._jobs.counts(type))

    def cancel(self, id: str, reason: str = "") -> State:
        """Cancel a job; see `Jobs.cancel`."""
        return self._thread.run(self._jobs.cancel(id, reason))

    def retry(self, id: str) -> None:
        """Queue an ended or parked job again; see `Jobs.retry`."""
        self._thread.run(self._jobs.retry(id))

    def pause(self, type: str | JobType) -> None:
        """Start no more jobs of *type*; see `Jobs.pause`."""
        self._thread.run(self._jobs.pause(type))

    def resume(self, type: str | JobType) -> None:
        """Start jobs of *type* again; see `Jobs.resume`."""
        self._thread.run(self._jobs.resume(type))

    def purge(
        self, type: str | JobType | None = None, *, state: str, older_than: str | dt.timedelta | None = None
    ) -> int:
        """Remove jobs with all that is kept of them; see `Jobs.purge`."""
        return self._thread.run(self._jobs.purge(type, state=state, older_than=older_than))

    def close(self) -> None:
        """Finish what is being sent and end the thread."""
        self._thread.run(self._jobs.aclose())
        self._thread.run(self._jobs.store.aclose())
        self._thread.close()


async def _open(url: str, namespace: str) -> Jobs:
    return Jobs(Store(url, namespace))
