"""
SIGHUP: read the configuration again; but when it says that the terminal was closed, end as after Ctrl-C.

The signal is held back from the start of the process, because its default is to kill: one that comes too early is heard
later, and none is lost while a worker starts or stops.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["hold", "on_hangup"]


def hold() -> None:
    """Hold the signal back until somebody listens; to be called first at the start of the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    _has_terminal_to_lose()


@contextmanager
def on_hangup(reload: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Await *reload* at each signal while the block runs, in the loop of the main thread."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    reloading = loop.create_task(_reload_when(asked, reload))

    def hear() -> None:
        if _has_terminal_to_lose() and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            asked.set()

    loop.add_signal_handler(signal.SIGHUP, hear)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        hold()
        loop.remove_signal_handler(signal.SIGHUP)
        reloading.cancel()


async def _reload_when(asked: asyncio.Event, reload: Callable[[], Awaitable[None]]) -> None:
    """Signals that come while the file is being read bring about one more reading."""
    while True:
        await asked.wait()
        asked.clear()
        await reload()


@cache
def _has_terminal_to_lose() -> bool:
    """Tell whether the process began with a terminal; under nohup, which has the signal ignored, it may outlive it."""
    return signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
