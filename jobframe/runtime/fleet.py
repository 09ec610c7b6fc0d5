"""
Several worker processes under one parent, which runs no jobs: it starts them, passes signals on, replaces the dead.

It is hosted like a single worker, so that arq's command, ours and the status server see no difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from jobframe.core import clock, ids
from jobframe.core.backoff import Backoff, delay_ms
from jobframe.core.errors import JobframeError
from jobframe.store import die_with_parent

__all__ = ["Fleet", "WorkerEnded", "member_command"]

log = structlog.get_logger("jobframe.fleet")

_BACKOFF = Backoff(base_ms=500, cap_ms=30_000, jitter="equal")
_LIVED_LONG_S = 60.0
_HOPELESS = {2: "wrong usage", 3: "a wrong configuration", 5: "a plugin that cannot be used"}
_LAST_WORDS_S = 10.0  # a worker that is to end bounds its own end; this is for one that hangs


def member_command(config: Path | None, types: Iterable[str], *, burst: bool) -> list[str]:
    """
    Write the command line of one worker of a fleet.

    Args:
        config: The configuration file; None when there is none.
        types: Only these job types; empty is all.
        burst: Whether it ends when nothing is left to do.

    """
    words = [sys.executable, "-m", "jobframe"]
    if config is not None:
        words += ["--config", str(config)]
    words += ["worker", "--processes", "1", "--no-status"]
    if burst:
        words.append("--burst")
    return words + [word for name in types for word in ("--type", name)]


class WorkerEnded(JobframeError):
    """
    A worker process ended in a way that no restart can change; its own last lines say more.

    Attributes:
        exit_code: Its exit code.

    """

    def __init__(self, exit_code: int) -> None:
        """Keep *exit_code*."""
        super().__init__(f"a worker process ended because of {_HOPELESS[exit_code]}: the fleet ends with it")
        self.exit_code = exit_code


class Fleet:
    """The parent of several worker processes."""

    def __init__(self, command: Sequence[str], processes: int, *, burst: bool = False) -> None:
        """
        Start nothing yet.

        Args:
            command: Starts one worker.
            processes: How many to keep running.
            burst: Whether a worker that ends well has ended for good.

        """
        self._command = command
        self._processes = processes
        self._burst = burst
        self._stopping = asyncio.Event()
        self._alive: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the workers."""
        self._keepers = [asyncio.create_task(self._keep(number)) for number in range(1, self._processes + 1)]

    async def run(self) -> None:
        """
        Keep them running until drained; in burst mode until all have ended.

        Raises:
            WorkerEnded: One ended in a way that no restart can change.

        """
        await asyncio.wait(self._keepers, return_when=asyncio.FIRST_EXCEPTION)
        for keeper in self._keepers:
            if keeper.done():
                keeper.result()

    async def reload(self) -> None:
        """Have every worker read the configuration again."""
        self._signal(signal.SIGHUP)

    async def drain(self, grace_ms: int) -> None:
        """Have every worker drain, each for the same grace, and wait for them."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        _, hanging = await asyncio.wait(self._keepers, timeout=grace_ms / 1000 + _LAST_WORDS_S)
        if hanging:
            log.error("workers do not end and are killed", workers=[process.pid for process in self._alive])
            self._signal(signal.SIGKILL)
            await asyncio.wait(hanging)
        for keeper in self._keepers:
            keeper.exception()  # raised by `run`, once for all

    async def give_back(self) -> None:
        """Have every worker give back what it runs at once; the `drain` under way ends by it."""
        self._signal(signal.SIGTERM)

    async def _keep(self, number: int) -> None:
        deaths = 0
        while not self._stopping.is_set():
            born = clock.monotonic()
            exit_code = await self._run_one()
            if self._stopping.is_set() or (self._burst and exit_code == 0):
                return
            if exit_code in _HOPELESS and (self._burst or not deaths):  # later, somebody may be editing the file
                raise WorkerEnded(exit_code)
            deaths = 1 if clock.monotonic() - born > _LIVED_LONG_S else deaths + 1
            pause_ms = delay_ms(_BACKOFF, deaths, ids.roll())
            log.warning("worker ended, another follows", number=number, exit_code=exit_code, pause_ms=pause_ms)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_ms / 1000)

    async def _run_one(self) -> int:
        """Run one worker, in a session of its own: Ctrl-C reaches it only through its parent."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-IS", Path(die_with_parent.__file__), str(os.getpid()), *self._command,
            stdin=DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._alive.add(process)
        if self._stopping.is_set():  # the signal came while it was being started
            process.terminate()
        try:
            return await process.wait()
        finally:
            self._alive.discard(process)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._alive:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
