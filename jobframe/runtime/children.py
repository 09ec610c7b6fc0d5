"""
Child processes for ``run_in = "process"``: killable, and gone with their worker.

Each child is a fresh interpreter with the plugins loaded and its lifespans entered once. The context's verbs in a child
use a client of the child's own; follow-ups travel back with the answer and are sent by the script that completes the
job, like everybody else's. What passes between worker and child is made by these two alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from multiprocessing.connection import wait
from typing import Any

import attrs
import msgspec
from pebble import ProcessFuture, ProcessPool

from jobframe.client.jobs import Jobs
from jobframe.core.context import App, Context, FollowUp
from jobframe.core.decide import class_names
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Cancel, Fail, Retry, Signal, Snooze
from jobframe.core.payload import MAX_BYTES
from jobframe.core.scrub import describe
from jobframe.runtime.running import Attempt
from jobframe.store.enqueue import Encoded
from jobframe.store.store import Store

__all__ = ["Answer", "ChildParts", "Children", "RemoteError"]

_PR_SET_PDEATHSIG = 1


@attrs.frozen
class ChildParts:
    """
    What a child stands on, made in the child itself.

    Attributes:
        types: The job types it may run.
        lifespans: Makes the plugins' lifespans for an `App`.
        settings: Plugins' settings by class.
        url: Where the server is.
        namespace: Which set of queues.

    """

    types: Mapping[str, JobType]
    lifespans: Callable[[App], list[Any]]
    settings: Mapping[type, Any]
    url: str
    namespace: str


class RemoteError(Exception):
    """
    What a handler raised in a child.

    Attributes:
        class_names: Names by which ``retry_on`` and ``fail_on`` may call it.
        described: Class, scrubbed message and frames, as `describe` gives them.

    """

    def __init__(self, names: set[str], described: tuple[str, str, tuple[str, ...]]) -> None:
        """Stand for the child's exception."""
        super().__init__(described[1])
        self.class_names = names
        self.described = described


@attrs.frozen
class Answer:
    """
    How a handler ended in a child.

    Attributes:
        result: Its result as JSON.
        follow_ups: The follow-ups it made.
        signal: Class and arguments of the signal it raised.
        error: Arguments of the `RemoteError` for any other exception.

    """

    result: bytes = b""
    follow_ups: tuple[Encoded, ...] = ()
    signal: tuple[type[Signal], tuple[Any, ...]] | None = None
    error: tuple[set[str], tuple[str, str, tuple[str, ...]]] | None = None

    def take(self, context: Context) -> msgspec.Raw:
        """Hand the follow-ups to *context* and return the result, or raise what the handler raised."""
        if self.signal is not None:
            cls, arguments = self.signal
            raise cls(*arguments)
        if self.error is not None:
            raise RemoteError(*self.error)
        context.follow_ups.extend(self.follow_ups)
        return msgspec.Raw(self.result)


class Children:
    """The pool of child processes; none is started before the first job comes."""

    def __init__(self, size: int, opener: Callable[..., ChildParts], *args: Any) -> None:
        """
        Run at most *size* children.

        Args:
            size: Children at once.
            opener: Makes a child's `ChildParts`; a module-level function, for it is called in the child.
            *args: Its arguments.

        """
        self.size = size
        self._opener = opener
        self._args = args
        self._pool: ProcessPool | None = None

    def schedule(self, attempt: Attempt) -> ProcessFuture[Answer]:
        """Start the attempt's handler in a child; cancelling the future kills the child."""
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.size,
                context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(self._opener, self._args),
            )
        context, claimed = attempt.context, attempt.claimed
        enqueued_ms, deadline_ms = context.times_ms
        facts = {
            "job_id": context.job_id,
            "attempt": context.attempt,
            "max_attempts": context.max_attempts,
            "fence": context.fence,
            "enqueued_ms": enqueued_ms,
            "deadline_ms": deadline_ms,
            "headers": dict(context.headers),
        }
        future: ProcessFuture[Answer] = self._pool.schedule(
            _run, args=[claimed.type, bytes(attempt.envelope.body), facts]
        )
        return future

    def close(self) -> None:
        """Kill the children."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call] # pebble types only a part
            self._pool.join(timeout=5)
            self._pool = None


class _Child:
    """A child process, seen from inside: a loop in a thread for the context's verbs, and the handlers' resources."""

    def __init__(self, parts: ChildParts) -> None:
        self.types = parts.types
        self.app = App()
        for cls, value in parts.settings.items():
            self.app.provide(value, cls)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.jobs: Jobs = self.run(self._open(parts))

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def _open(self, parts: ChildParts) -> Jobs:
        lifespans = AsyncExitStack()  # a child is killed, never closed: what must be closed belongs in the handler
        for lifespan in parts.lifespans(self.app):
            await lifespans.enter_async_context(lifespan)
        return Jobs(Store(parts.url, parts.namespace))

    async def prepare(self, job: NewJob) -> FollowUp:
        return await self.jobs.encode(job)


_child: _Child | None = None


def _start(opener: Callable[..., ChildParts], args: tuple[Any, ...]) -> None:
    """Make this process a child; it is the pool's initializer."""
    global _child  # noqa: PLW0603 - one a process, made once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the worker decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_worker()
    _child = _Child(opener(*args))


def _die_with_worker() -> None:
    """Die when the worker does: at once on Linux, elsewhere as soon as a thread gets to run."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only Linux has the call

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _run(type_name: str, body: bytes, facts: dict[str, Any]) -> Answer:
    """Run one handler; it is called in the child."""
    if _child is None:
        msg = "this process was not started as a child"
        raise RuntimeError(msg)
    job_type = _child.types[type_name]
    context = Context(_child, **facts, loop=None if job_type.is_async else _child.loop)
    try:
        returned = job_type.run(context, job_type.shape.decode(body))
        result = _child.run(returned) if job_type.is_async else returned
        encoded = b"" if result is None else msgspec.json.encode(result)
    except Signal as raised:
        return Answer(signal=_signal(raised))
    except BaseException as error:  # noqa: BLE001 - also SystemExit: the worker decides what it means
        return Answer(error=(class_names(error), describe(error, body)))
    if len(encoded) > MAX_BYTES:  # no need to send it: the worker would refuse it
        return Answer(signal=(Fail, (f"result: {len(encoded)} bytes are over the limit of {MAX_BYTES}",)))
    return Answer(encoded, tuple(job for job in context.follow_ups if isinstance(job, Encoded)))


def _signal(raised: Signal) -> tuple[type[Signal], tuple[Any, ...]]:
    match raised:
        case Retry():
            return Retry, (None if raised.after_ms is None else f"{raised.after_ms}ms", raised.reason)
        case Snooze():
            return Snooze, (f"{raised.delay_ms}ms",)
        case Cancel() | Fail():
            return type(raised), (raised.reason,)
    msg = f"unknown signal {type(raised).__name__}"
    raise TypeError(msg)
