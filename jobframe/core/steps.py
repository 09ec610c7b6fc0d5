"""The ledger of one job's steps: blocks of its handler that are not done again by a later attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType

from jobframe.core.shown import shown

__all__ = ["LONGEST_NAME", "MAX_STEPS", "BlockingOnce", "Once", "Steps"]

MAX_STEPS = 256
LONGEST_NAME = 128


class Steps:
    """What one attempt knows of its job's steps; asks the store when the first one begins."""

    def __init__(self, job_id: str, mark: Callable[[str], Awaitable[Iterable[str]]]) -> None:
        """
        Know nothing yet.

        Args:
            job_id: The job, for errors.
            mark: Marks a step as done, none when the name is empty, and returns the names of all that are.

        """
        self._job_id = job_id
        self._mark = mark
        self._done: set[str] | None = None
        self._open: set[str] = set()

    async def begin(self, name: str) -> bool:
        """
        Tell whether *name* is still to be done.

        Raises:
            Fenced: Another run owns the job.
            ValueError: The job would have over 256 steps.

        """
        if self._done is None:
            self._done = set(await self._mark("")) | (self._done or set())
        if name in self._done:
            return False
        self._open.add(name)
        if len(self._done | self._open) > MAX_STEPS:
            self._open.discard(name)
            raise ValueError(f"job {self._job_id}: over {MAX_STEPS} steps: make one step of several, or jobs of them")
        return True

    async def end(self, name: str, *, well: bool) -> None:
        """
        Mark *name* as done when it ended *well*.

        Raises:
            Fenced: Another run owns the job; nothing was marked.

        """
        if well:
            self._done = set(await self._mark(name)) | (self._done or set())
        self._open.discard(name)


class Once:
    """One step, as ``async with`` takes it."""

    def __init__(self, steps: Steps, name: str) -> None:
        """
        Name a step.

        Raises:
            ValueError: The name is no text of 1 to 128 printable characters.

        """
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise ValueError(f"step {shown(name)}: name it with 1 to {LONGEST_NAME} printable characters")
        self._steps = steps
        self._name = name
        self._first = False

    async def __aenter__(self) -> bool:
        self._first = await self._steps.begin(self._name)
        return self._first

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._first:
            await self._steps.end(self._name, well=kind is None)


class BlockingOnce:
    """The same for a plain ``with``, carried out by a loop in another thread."""

    def __init__(self, once: Once, loop: asyncio.AbstractEventLoop) -> None:
        """Have *loop* carry out *once*."""
        self._once = once
        self._loop = loop

    def __enter__(self) -> bool:
        return asyncio.run_coroutine_threadsafe(self._once.__aenter__(), self._loop).result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._once.__aexit__(kind, error, trace), self._loop).result()
