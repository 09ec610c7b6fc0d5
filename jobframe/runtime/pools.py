"""Where handlers run: in the loop, in a bounded pool of threads, in killable child processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import attrs

from jobframe.runtime.children import Children
from jobframe.runtime.daemon_threads import DaemonThreads
from jobframe.runtime.running import Work

__all__ = ["LoopPool", "Pool", "Pools", "ProcessPool", "ThreadPool"]


AnyWork = TypeVar("AnyWork", bound=Work)


class Pool(Protocol):
    """
    A place for handlers.

    Attributes:
        size: Handlers at once; None leaves it to ``max_jobs``.

    """

    size: int | None

    async def call(self, work: AnyWork, watch: Callable[[AnyWork], None]) -> Any:
        """Have the timeout watched, run the handler of *work* and return its result; raises what it raises."""


class LoopPool:
    """Handlers in the event loop itself."""

    size: int | None = None

    async def call(self, work: AnyWork, watch: Callable[[AnyWork], None]) -> Any:
        """Await the handler."""
        if work.task is not None:
            work.stop = work.task.cancel
        watch(work)
        return await work.invoke()


class ThreadPool:
    """Plain handlers in threads. A thread cannot be stopped: its slot is free when the handler has really ended."""

    def __init__(self, size: int) -> None:
        """Allow *size* threads."""
        self.size: int | None = size
        self._places = asyncio.Semaphore(size)  # one claim over several lanes may bring more than there are
        self._threads = DaemonThreads("jobframe-handler")

    async def call(self, work: AnyWork, watch: Callable[[AnyWork], None]) -> Any:
        """Run the handler in a thread and wait until it has ended."""
        async with self._places:
            if work.ended:
                return None
            watch(work)
            return await self._threads.run(work.invoke)

    def close(self) -> None:
        """Start nothing more; running threads are left to themselves."""
        self._threads.close()


class ProcessPool:
    """Handlers in child processes, which a timeout or a cancel kills."""

    def __init__(self, children: Children) -> None:
        """Use *children*, started when the first handler comes."""
        self.size: int | None = children.size
        self._places = asyncio.Semaphore(children.size)  # as for threads
        self._children = children

    async def call(self, work: AnyWork, watch: Callable[[AnyWork], None]) -> Any:
        """
        Run the handler in a child and take over the follow-ups it made.

        Raises:
            ChildDied: The child died under it.

        """
        async with self._places:
            return None if work.ended else work.take(await self._children.run(work, watch))

    def close(self) -> None:
        """Kill the children."""
        self._children.close()


@attrs.frozen
class Pools:
    """
    All of them.

    Attributes:
        loop: For ``run_in = "loop"``.
        thread: For ``run_in = "thread"``.
        process: For ``run_in = "process"``.
        suspects: For jobs that may be the reason why processes died, one at a time, so that nobody else is blamed.

    """

    loop: LoopPool
    thread: ThreadPool
    process: ProcessPool
    suspects: ProcessPool

    def by_name(self) -> dict[str, Pool]:
        """Return name → pool; all but the last are values of ``run_in``."""
        return {"loop": self.loop, "thread": self.thread, "process": self.process, "suspects": self.suspects}

    def close(self) -> None:
        """Start nothing more; children are killed, threads left to themselves."""
        self.thread.close()
        self.process.close()
        self.suspects.close()
