"""
Threads that a stopping process does not wait for.

The standard library's executor joins its threads when the interpreter ends: one handler that never returns would keep a
worker alive that has given its job back already.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

__all__ = ["DaemonThreads"]

_Ending = tuple[Any, BaseException | None]
_Call = tuple[asyncio.AbstractEventLoop, asyncio.Future[_Ending], Callable[..., Any], tuple[Any, ...]]


class DaemonThreads:
    """As many threads as calls were ever under way at once; an idle one is used again."""

    def __init__(self, name: str) -> None:
        """Start with none; each will be called *name* and a number."""
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._started = 0
        self._idle = 0

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call *function* in a thread, wait until it has really ended, and return or raise what it does."""
        loop = asyncio.get_running_loop()
        ending: asyncio.Future[_Ending] = loop.create_future()
        if self._idle:
            self._idle -= 1
        else:
            self._started += 1
            threading.Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True).start()
        self._calls.put((loop, ending, function, args))
        try:
            result, error = await ending
        finally:
            self._idle += 1
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End every thread that is idle, and the others when their call has ended."""
        for _ in range(self._started):
            self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            loop, ending, function, args = call
            result, error = _call(function, args)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_end, ending, (result, error))


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> _Ending:
    """Carry an exception as a value: a future refuses StopIteration, and SystemExit must not end the thread."""
    try:
        return function(*args), None
    except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
        return None, error


def _end(ending: asyncio.Future[_Ending], result: _Ending) -> None:
    if not ending.done():
        ending.set_result(result)
