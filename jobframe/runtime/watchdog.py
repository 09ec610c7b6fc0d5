"""
Ends a process whose event loop is blocked beyond the timeout of the job that blocks it.

A coroutine that does not give way cannot be cancelled, and nothing else in its process gets a turn. So a thread looks
from outside: the job that blocks has timed out, the others are given back, and the process ends, without a crash to
anybody's name. Code that holds the interpreter's lock all the time stops this thread too; then the lease runs out.
"""

from __future__ import annotations

import asyncio
import os
import threading
from types import TracebackType

import structlog

from jobframe.core import clock
from jobframe.core.errors import JobframeError
from jobframe.runtime.running import Attempt
from jobframe.runtime.runtime import Runtime
from jobframe.store.store import BlockingStore

__all__ = ["EXIT_CODE", "Watchdog"]

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: whoever supervises the process should start it again."""

_LOOK_EVERY_S = 1.0
_LOOKS = 2
_LATE_S = 2.0
_MOST_GIVEN_BACK = 1_000
_log = structlog.get_logger("jobframe.worker")


class Watchdog:
    """Watches the loop of one runtime for the time of a ``with`` block."""

    def __init__(self, runtime: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        """Watch *loop*, in which *runtime* lives."""
        self._runtime = runtime
        self._loop = loop
        self._answered = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="jobframe-watchdog", daemon=True)

    def __enter__(self) -> None:
        """Start to watch."""
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no more."""
        self._stopped.set()

    def _watch(self) -> None:
        looks = 0  # without an answer; seconds would also count while the whole process was frozen
        while not self._stopped.wait(_LOOK_EVERY_S):
            if self._answered:
                looks = 0
                self._ask()
                continue
            looks += 1
            blockers = self._blockers() if looks >= _LOOKS else []
            if blockers and clock.monotonic() > max(each.deadline for each in blockers) + _LATE_S:
                self._end(blockers)

    def _ask(self) -> None:
        self._answered = False
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._answered = True

    def _blockers(self) -> list[Attempt]:
        """Return the attempts, those of one call, in whose handler the loop is stuck."""
        return [each for each in tuple(self._runtime.execution.running.values()) if _is_stuck(each)]

    def _end(self, blockers: list[Attempt]) -> None:
        jobs = [each.context.job_id for each in blockers]
        _log.error("the event loop is blocked beyond the timeout of a job: this process ends", jobs=jobs)
        for each in blockers:
            each.ended = each.ended or "timeout"
        store = self._runtime.store
        try:
            last_words = BlockingStore(store.url, store.keys.namespace)
            for call in self._runtime.last_calls():
                last_words.run("settle", *call.arguments)
            while last_words.run("leave", self._runtime.worker_id, _MOST_GIVEN_BACK) == _MOST_GIVEN_BACK:
                pass
        except JobframeError as error:  # then the lease runs out, and all of them count a crash
            _log.warning("could not tell the store", reason=str(error))
        finally:
            os._exit(EXIT_CODE)


def _is_stuck(attempt: Attempt) -> bool:
    """Tell whether the loop is inside this attempt's task right now."""
    return attempt.task is not None and bool(getattr(attempt.task.get_coro(), "cr_running", False))
