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

from jobframe.client.blocking import SyncJobs, runner
from jobframe.client.jobs import Jobs
from jobframe.core.batch import Job
from jobframe.core.context import App, Context, FollowUp
from jobframe.core.decide import class_names
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType
from jobframe.core.keyring import Keyring
from jobframe.core.outcome import Cancel, Fail, Retry, Signal, Snooze, as_signal
from jobframe.core.scrub import describe
from jobframe.runtime.messages import Answer, Request, together
from jobframe.runtime.notes import Notes
from jobframe.runtime.result import BadResult, encode, one_each
from jobframe.store.enqueue import Encoded
from jobframe.store.store import Store

__all__ = ["ChildParts", "serve"]

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
        durability: As ``[runtime]`` has it.
        keyring: Seals what its handlers enqueue.

    """

    types: Mapping[str, JobType]
    lifespans: Callable[[App], list[Any]]
    settings: Mapping[type, Any]
    url: str
    namespace: str
    durability: str
    keyring: Keyring


def serve(pipe: Connection, opener: Callable[..., ChildParts], args: tuple[Any, ...]) -> None:
    """Be a child: say when it is up, then run one handler a request, until the worker is gone or kills it."""
    os.setpgid(0, 0)  # to be killed with whatever programs its handlers start
    for number in (signals.SIGINT, signals.SIGTERM, signals.SIGHUP):  # they reach the whole group: the worker decides
        signals.signal(number, _leave_to_worker)
    _die_with_worker()
    try:
        child = _Child(opener(*args))
    except BaseException as error:  # noqa: BLE001 - a plugin's import or lifespan may raise anything
        pipe.send([_raised(error, b"", b"")])
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
        self.worker_id = ""
        self._running: tuple[list[Context], bytes] = ([], b"")
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
        secret = together(part.secret for part in request.parts)
        loop = None if job_type.is_async else self.loop
        contexts = [Context(self, **part.facts, loop=loop) for part in request.parts]
        self.worker_id, self._running = request.worker, (contexts, seen)
        for context in contexts:
            context.secret = secret
        try:
            payloads = [job_type.shape.decode(body) for body in bodies]
            if job_type.batch is None:
                results = [self._finished(job_type, job_type.run(contexts[0], payloads[0]))]
            else:
                returned = self._finished(job_type, job_type.handler(list(map(Job, payloads, contexts))))
                results = one_each(returned, len(contexts))
        except BaseException as error:  # noqa: BLE001 - also SystemExit: the worker decides what it means
            answers = [_raised(error, seen, secret)] * len(contexts)
        else:
            answers = [_ended(result, context, seen, secret) for result, context in zip(results, contexts, strict=True)]
        self._running = ([], b"")
        return [
            answer if context.unwritten is None else attrs.evolve(answer, reported=context.unwritten)
            for answer, context in zip(answers, contexts, strict=True)
        ]

    def _seen(self, context: Context) -> bytes | None:
        contexts, seen = self._running
        return seen if any(each is context for each in contexts) else None

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
        store = Store(parts.url, parts.namespace, parts.durability)
        self.notes = Notes(store, lambda: self.worker_id, self._seen)
        self._noting = asyncio.create_task(self.notes.run())
        return Jobs(store, keyring=lambda: parts.keyring)


def _ended(result: Any, context: Context, seen: bytes, secret: bytes) -> Answer:
    """Answer for a job whose handler has returned *result* for it, which in a batch may be an exception."""
    if isinstance(result, BaseException):
        return _raised(result, seen, secret)
    try:
        return Answer(encode(result), tuple(job for job in context.follow_ups if isinstance(job, Encoded)))
    except BadResult as bad:
        return Answer(refused=str(bad))


def _raised(error: BaseException, seen: bytes, secret: bytes) -> Answer:
    """Answer that the handler raised *error*, in whose text the values of *seen* and *secret* are masked."""
    signal = as_signal(error)
    if signal is not None:
        return Answer(signal=_parts_of(signal))
    return Answer(error=(class_names(error), describe(error, seen, secret)))


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
