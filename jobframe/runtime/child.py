"""
A child process, seen from inside: a fresh interpreter with the plugins loaded and its lifespans entered once.

The context's verbs in a child use a client of the child's own; follow-ups travel back with the answer and are sent by
the script that completes the job, like everybody else's. What passes between worker and child is made by these alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal as signals
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection, wait
from typing import Any

import attrs
import msgspec

from jobframe.client.blocking import SyncJobs, runner
from jobframe.client.jobs import Jobs
from jobframe.core.batch import Job
from jobframe.core.context import App, Context, FollowUp
from jobframe.core.decide import class_names
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Cancel, Fail, Retry, Signal, Snooze, as_signal
from jobframe.core.scrub import describe
from jobframe.runtime.result import BadResult, encode, one_each
from jobframe.store.enqueue import Encoded
from jobframe.store.store import Store

__all__ = ["Answer", "ChildParts", "Part", "RemoteError", "Request", "serve"]

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


@attrs.frozen
class Part:
    """
    One job that a handler is run for.

    Attributes:
        body: The payload's JSON.
        facts: Arguments of its `Context`.

    """

    body: bytes
    facts: dict[str, Any]


@attrs.frozen
class Request:
    """
    A handler to run.

    Attributes:
        type: Job type.
        parts: Its jobs: one, or those of a call of a batch handler.

    """

    type: str
    parts: tuple[Part, ...]


class RemoteError(Exception):
    """
    What a handler raised in a child.

    Attributes:
        class_names: Names by which ``retry_on`` and ``fail_on`` may call it.
        described: Class, scrubbed message and frames, as `describe` gives them.
        class_name: Its class without the module.

    """

    def __init__(self, names: set[str], described: tuple[str, str, tuple[str, ...]]) -> None:
        """Stand for the child's exception."""
        super().__init__(described[1])
        self.class_names = names
        self.described = described
        self.class_name = described[0].rpartition(".")[2]


@attrs.frozen
class Answer:
    """
    How a handler ended in a child, for one job.

    Attributes:
        result: Its result as JSON.
        follow_ups: The follow-ups it made.
        refused: Why its result cannot be kept.
        signal: Class and arguments of the signal it raised.
        error: Arguments of the `RemoteError` for any other exception.

    """

    result: bytes = b""
    follow_ups: tuple[Encoded, ...] = ()
    refused: str = ""
    signal: tuple[type[Signal], tuple[Any, ...]] | None = None
    error: tuple[set[str], tuple[str, str, tuple[str, ...]]] | None = None

    def check(self) -> None:
        """Raise what the handler raised, if it did, or what is wrong with its result."""
        if self.refused:
            raise BadResult(self.refused)
        if self.signal is not None:
            cls, arguments = self.signal
            raise cls(*arguments)
        if self.error is not None:
            raise RemoteError(*self.error)

    def take(self, context: Context) -> msgspec.Raw | None:
        """Hand the follow-ups to *context* and return the result, or raise what the handler raised."""
        self.check()
        context.follow_ups.extend(self.follow_ups)
        return msgspec.Raw(self.result) if self.result else None


def serve(pipe: Connection, opener: Callable[..., ChildParts], args: tuple[Any, ...]) -> None:
    """Be a child: say when it is up, then run one handler a request, until the worker is gone or kills it."""
    for number in (signals.SIGINT, signals.SIGTERM):  # they reach the whole group: the worker decides what they mean
        signals.signal(number, _leave_to_worker)
    _die_with_worker()
    try:
        child = _Child(opener(*args))
    except BaseException as error:  # noqa: BLE001 - a plugin's import or lifespan may raise anything
        pipe.send([_raised(error, b"")])
        return
    pipe.send([Answer()])
    while True:
        try:
            request = pipe.recv()
        except EOFError:
            return
        pipe.send(child.answer(request))


def _leave_to_worker(_number: int, _frame: Any) -> None:
    """Ignore a signal, without having the programs ignore it that a handler starts."""


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

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signals.SIGKILL)


class _Child:
    """Handlers' surroundings: a loop in a thread for async handlers and the context's verbs, and the resources."""

    def __init__(self, parts: ChildParts) -> None:
        self.types = parts.types
        self.app = App(parts.settings)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.jobs: Jobs = self._run(self._open(parts))
        self.blocking_jobs = SyncJobs(self.jobs, runner(self.loop))

    async def prepare(self, job: NewJob) -> FollowUp:
        """Check and encode a follow-up of a handler."""
        return await self.jobs.encode(job)

    def answer(self, request: Request) -> list[Answer]:
        """Run one handler and answer for each of its jobs."""
        job_type, bodies = self.types[request.type], [part.body for part in request.parts]
        seen = bodies[0] if job_type.batch is None else b"[" + b",".join(bodies) + b"]"
        loop = None if job_type.is_async else self.loop
        contexts = [Context(self, **part.facts, loop=loop) for part in request.parts]
        try:
            payloads = [job_type.shape.decode(body) for body in bodies]
            if job_type.batch is None:
                results = [self._finished(job_type, job_type.run(contexts[0], payloads[0]))]
            else:
                returned = self._finished(job_type, job_type.handler(list(map(Job, payloads, contexts))))
                results = one_each(returned, len(contexts))
        except BaseException as error:  # noqa: BLE001 - also SystemExit: the worker decides what it means
            return [_raised(error, seen)] * len(contexts)
        return [_ended(result, context, seen) for result, context in zip(results, contexts, strict=True)]

    def _finished(self, job_type: JobType, returned: Any) -> Any:
        return self._run(returned) if job_type.is_async else returned

    def _run(self, work: Awaitable[Any]) -> Any:
        """Run *work* in the loop; what it raises is carried past the loop, which SystemExit would end."""

        async def carried() -> tuple[Any, BaseException | None]:
            try:
                return await work, None
            except BaseException as error:  # noqa: BLE001 - raised again outside the loop
                return None, error

        result, error = asyncio.run_coroutine_threadsafe(carried(), self.loop).result()
        if error is not None:
            raise error
        return result

    async def _open(self, parts: ChildParts) -> Jobs:
        lifespans = AsyncExitStack()  # a child is killed, never closed: what must be closed belongs in the handler
        for lifespan in parts.lifespans(self.app):
            await lifespans.enter_async_context(lifespan)
        return Jobs(Store(parts.url, parts.namespace))


def _ended(result: Any, context: Context, seen: bytes) -> Answer:
    """Answer for a job whose handler has returned *result* for it, which in a batch may be an exception."""
    if isinstance(result, BaseException):
        return _raised(result, seen)
    try:
        return Answer(encode(result), tuple(job for job in context.follow_ups if isinstance(job, Encoded)))
    except BadResult as bad:
        return Answer(refused=str(bad))


def _raised(error: BaseException, seen: bytes) -> Answer:
    """Answer that the handler raised *error*, in whose text the values of the JSON *seen* are masked."""
    signal = as_signal(error)
    if signal is not None:
        return Answer(signal=_parts_of(signal))
    return Answer(error=(class_names(error), describe(error, seen)))


def _parts_of(raised: Signal) -> tuple[type[Signal], tuple[Any, ...]]:
    """Return the class and the arguments that make a signal like it: of our own, for the worker knows no other."""
    match raised:
        case Retry():
            return Retry, (None if raised.after_ms is None else f"{raised.after_ms}ms", raised.reason)
        case Snooze():
            return Snooze, (f"{raised.delay_ms}ms",)
        case Cancel():
            return Cancel, (raised.reason,)
        case Fail():
            return Fail, (raised.reason,)
    raise TypeError(f"unknown signal {type(raised).__name__}")
