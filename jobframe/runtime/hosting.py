"""
Turns the cancellations by which arq passes signals on into an orderly end of what it hosts.

One signal: take nothing new, let jobs end for the grace, give the rest back. A second one: give it all back at once.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from jobframe.runtime.hangup import on_hangup

__all__ = ["Hosted", "Opener", "host"]

_LAST_WORDS_S = 5.0  # after the drain: an unreachable server must not hold up the end of the process


class Hosted(Protocol):
    """What can live in the host: a `Runtime`, or the `Fleet` that starts several of them."""

    async def start(self) -> None:
        """Get ready to work."""

    async def run(self) -> None:
        """Work until drained; in burst mode until nothing is left to do."""

    async def reload(self) -> None:
        """Read the configuration again."""

    async def drain(self, grace_ms: int) -> None:
        """Take nothing new, let what runs end for *grace_ms*, give the rest back."""

    async def give_back(self) -> None:
        """Give everything back at once; a `drain` under way ends by it."""


Opener = Callable[[], AbstractAsyncContextManager[Hosted]]
"""Makes what is hosted, with all it stands on, and takes it down again."""


class _Signals:
    """The signals so far: the first asks to end, the second not to wait."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def count(self, number: int) -> None:
        self.asked.set()
        if number > 1:
            self.insisted.set()


async def host(opener: Opener, grace_ms: int, *, burst: bool) -> None:
    """
    Live inside arq's ``on_startup``: return only when a burst is over, end as cancelled after a signal.

    What is hosted runs in a task of its own that is never cancelled from outside, so that no signal can cut a call to
    the server in two.
    """
    signals, me = _Signals(), asyncio.current_task()
    life = asyncio.create_task(_live(opener, grace_ms, signals))
    while not life.done():
        try:
            await asyncio.shield(life)
        except asyncio.CancelledError:
            signals.count(me.cancelling() if me else 1)  # two that came together raise only once
    life.result()
    if signals.asked.is_set() or not burst:
        raise asyncio.CancelledError


async def _live(opener: Opener, grace_ms: int, signals: _Signals) -> None:
    async with opener() as hosted:
        gc.freeze()  # what is loaded by now is never garbage: the collector need not walk it every few thousand jobs
        starting = asyncio.create_task(hosted.start())
        if not await _ends_before(starting, signals.insisted):
            starting.cancel()
            await _end(starting)
            return
        starting.result()
        running = asyncio.create_task(hosted.run())
        with on_hangup(hosted.reload):
            await _ends_before(running, signals.asked)
        ending = [running, asyncio.create_task(hosted.drain(grace_ms))]
        if not await _ends_before(ending[-1], signals.insisted):
            ending.append(asyncio.create_task(hosted.give_back()))
        await _end(*ending)


async def _ends_before(task: asyncio.Task[None], signal: asyncio.Event) -> bool:
    waiting = asyncio.create_task(signal.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return task.done()


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Leave *tasks* a moment for their last words to the server, cut off what is late, raise what went wrong."""
    _, late = await asyncio.wait(tasks, timeout=_LAST_WORDS_S)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_LAST_WORDS_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
