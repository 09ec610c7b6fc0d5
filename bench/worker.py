"""Worker processes of a measurement, and what the machine says of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobframe.store import die_with_parent

__all__ = ["Worker"]

_END_WITHIN_S = 60.0


class Worker:
    """
    One process of a measurement, gone when the measurement is.

    Attributes:
        pid: Its number.

    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], *, answers: bool = False
    ) -> None:
        """Start *command* in *folder*; its output goes to a file there, but for one that *answers* lines with lines."""
        self._command = command
        self._output = folder / "output"
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("JOBFRAME_", "QUEUE_"))}
        launcher = [sys.executable, "-IS", die_with_parent.__file__, str(os.getpid())]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*launcher, *command],
                cwd=folder,
                env=ours | dict(environment),
                stdin=subprocess.PIPE if answers else subprocess.DEVNULL,
                stdout=subprocess.PIPE if answers else output,
                stderr=output,
            )
        self.pid = self._process.pid

    def ask(self, line: str) -> str:
        """Write a line to it and read its answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("a worker has no pipes")
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()
        return self._process.stdout.readline().decode()

    def check(self) -> None:
        """End the measurement when the process has ended."""
        if self._process.poll() is not None:
            raise SystemExit(f"a worker ended with {self._process.returncode}:\n{self._output.read_text()[-3000:]}")

    def rss_bytes(self) -> int:
        """Bytes of memory that it occupies."""
        status = Path(f"/proc/{self.pid}/status")
        if status.exists():
            kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        else:
            kilobytes = subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.pid)], text=True)
        return 1024 * int(kilobytes)

    def finish(self) -> None:
        """Wait until it has ended by itself, well."""
        code = self._process.wait(_END_WITHIN_S)
        if code:
            raise SystemExit(f"{self._command} ended with {code}:\n{self._output.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it as an operator would."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_END_WITHIN_S)
        finally:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
