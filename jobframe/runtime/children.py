"""
Child processes for ``run_in = "process"``: killable, and gone with their worker.

A child is busy until its process has really ended or answered: a job whose child is killed keeps its slot till then.
pebble's pool was used before: it frees the slot before it kills the child, starts the clock of a timeout before the
child is up, and is of no use any more once an idle child was killed from outside.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from jobframe.runtime.child import ChildParts, serve
from jobframe.runtime.daemon_threads import DaemonThreads
from jobframe.runtime.messages import Answer, Request
from jobframe.runtime.running import Work

__all__ = ["ChildDied", "Children"]

AnyWork = TypeVar("AnyWork", bound=Work)
_BOOT_WITHIN_S = 60.0
_spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks in whatever state they are


class ChildDied(Exception):
    """The child process that ran the handler died under it."""


class Children:
    """The pool of child processes; each is started when it is first needed, and used again until it dies."""

    def __init__(self, size: int, opener: Callable[..., ChildParts], *args: Any, reused: bool = True) -> None:
        """
        Run at most *size* children.

        Args:
            size: Children at once.
            opener: Makes a child's `ChildParts`; a module-level function, for it is called in the child.
            *args: Its arguments.
            reused: False gives each handler a new child.

        """
        self.size = size
        self._reused = reused
        self._opener = opener
        self._args = args
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._threads = DaemonThreads("jobframe-child")

    async def run(self, work: AnyWork, watch: Callable[[AnyWork], None]) -> Sequence[Answer]:
        """
        Run the handler in a child, which answers for each of its jobs.

        *watch* is told when the child is up, for the timeout counts from then.

        Raises:
            ChildDied: The child died under it, perhaps because it was stopped.

        """
        child = self._take()
        work.stop = child.kill
        try:
            await self._threads.run(child.boot)
            watch(work)
            answers: Sequence[Answer] = await self._threads.run(child.ask, work.request())
        finally:
            self._busy.discard(child)
        if self._reused:
            self._idle.append(child)
        else:
            child.kill()
        return answers

    def apart(self) -> Children:
        """Return a pool of the same children, a new one for each handler, one at a time."""
        return Children(1, self._opener, *self._args, reused=False)

    def close(self) -> None:
        """Kill the children."""
        atexit.unregister(self.close)
        for child in (*self._idle, *self._busy):
            child.kill()
        self._threads.close()

    def _take(self) -> _Child:
        child = self._idle.pop() if self._idle else _Child(self._opener, self._args)
        if child.gone:
            return self._take()
        if not self._busy:
            atexit.register(self.close)  # else multiprocessing would wait for them at the end of this process
        self._busy.add(child)
        return child


class _Child:
    """One child process, seen from the worker; `boot` and `ask` block, each in a thread of the pool."""

    def __init__(self, opener: Callable[..., ChildParts], args: tuple[Any, ...]) -> None:
        self._pipe, self._theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=serve, args=(self._theirs, opener, args), name="jobframe-child")
        self._booted = False
        self._killed = False

    @property
    def gone(self) -> bool:
        """Whether it was killed or has ended by itself."""
        return self._killed or (self._booted and not self._process.is_alive())

    def boot(self) -> None:
        """Start the process, unless it is up already, and wait until it can run handlers."""
        if self._booted:
            return
        self._process.start()
        self._booted = True
        self._theirs.close()
        if self._killed:  # before there was a process to kill
            self._end()
        elif not self._pipe.poll(_BOOT_WITHIN_S):
            self.kill()
        (answer,) = self._receive()
        answer.check()

    def ask(self, request: Request) -> Sequence[Answer]:
        """Have a handler run and wait for its end."""
        try:
            self._pipe.send(request)
        except OSError:
            raise self._died() from None
        return self._receive()

    def kill(self) -> None:
        """End the process; whoever waits for its answer learns of it once it has ended."""
        self._killed = True
        if self._booted:
            self._end()

    def _end(self) -> None:
        """Kill the process and whatever its handler has started: they are one group."""
        if self._process.pid is not None and self._process.exitcode is None:
            with contextlib.suppress(ProcessLookupError):  # it has not made its group yet
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()

    def _receive(self) -> Sequence[Answer]:
        try:
            answers: Sequence[Answer] = self._pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        return answers

    def _died(self) -> ChildDied:
        self._process.join()
        return ChildDied(f"its child process ended with exit code {self._process.exitcode}")
