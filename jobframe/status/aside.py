"""Calls what may block in a thread of its own, which keeps nobody from ending: neither this loop nor the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

__all__ = ["call_aside"]

Result = TypeVar("Result")


async def call_aside(function: Callable[[], Result]) -> Result:
    """
    Return what *function* returns.

    Raises:
        Exception: Whatever it raised.

    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type] # without an error it is what function returned

    def call() -> None:
        result, error = None, None
        try:
            result = function()
        except Exception as raised:  # noqa: BLE001 - it is raised again where it was asked for
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=call, name="jobframe-status-aside", daemon=True).start()
    return await answer
