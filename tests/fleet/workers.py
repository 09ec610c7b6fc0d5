"""Workers as processes, and the patience to wait for what they do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests import timeline

ROOT = Path(__file__).parents[2]
JOBFRAME = (str(Path(sys.executable).with_name("jobframe")),)
PATIENCE_S = 40.0
"""Longest wait for anything that takes a second or two on a quiet machine."""


async def until(condition: Callable[..., Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until *condition*, awaited when it must be, is true, and return what it was."""
    deadline = time.monotonic() + patience_s
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"still not so after {patience_s:.0f} s: {what}")
        await asyncio.sleep(0.02)


class Worker:
    """
    One ``jobframe worker``.

    Attributes:
        process: Its process.
        output: Where stdout and stderr go.

    """

    def __init__(
        self, folder: Path, output: Path, *options: str, status: bool = False, program: tuple[str, ...] = JOBFRAME
    ) -> None:
        self.output = output
        environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "ACME_LEDGER": str(folder / "ledger")}
        with output.open("wb") as sink:
            self.process = subprocess.Popen(
                [*program, "worker", *([] if status else ["--no-status"]), *options],
                cwd=folder,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        timeline.happened(f"worker {self.pid}", "is started")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal."""
        timeline.happened(f"worker {self.pid}", f"is sent {signal.Signals(number).name}")
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it stands, and wait until it stands, or has ended at that very moment."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def kill(self) -> None:
        """End it with -9 and wait until it has ended."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def said(self) -> str:
        """Return what it wrote so far."""
        return self.output.read_text()

    async def exit_code(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end."""
        await until(lambda: self.process.poll() is not None, f"the worker ends\n{self.said()[-3000:]}", patience_s)
        return self.process.returncode
