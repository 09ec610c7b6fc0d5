"""One process of the embedded server: how it is started, when it is ready, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

from jobframe.core import clock
from jobframe.core.errors import StoreUnavailable
from jobframe.store.connection import connect_blocking
from jobframe.store.data_folder import DataFolder
from jobframe.store.failure import STORE_ERRORS

__all__ = ["ServerProcess", "answers"]

_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_LOOK_S = 0.02
_LOG_LINES = 5


class ServerProcess:
    """
    A running server program that ends with the thread that started it.

    It has a session of its own, so that Ctrl-C reaches only the worker, which still needs its server to drain.
    """

    def __init__(self, binary: Path, folder: DataFolder, lock: int) -> None:
        """
        Start *binary* on *folder*.

        Args:
            binary: The server program.
            folder: Its folder, prepared.
            lock: Descriptor that holds the folder's lock; the process keeps it as long as it lives.

        Raises:
            StoreUnavailable: No process can be made.

        """
        self._folder = folder
        self._log_start = folder.log.stat().st_size if folder.log.exists() else 0
        command: list[str | Path] = [sys.executable, "-IS", _LAUNCHER, str(os.getpid()), binary, *_arguments(folder)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a program of the machine, no input of others
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[lock],
                start_new_session=True,
            )
        except OSError as error:
            raise StoreUnavailable(f"cannot start {binary}: {error.strerror}", acknowledged=False) from None

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def wait_until_ready(self, patience_s: float) -> None:
        """
        Wait until the server has loaded its data and answers.

        Raises:
            StoreUnavailable: It ended, or did not answer within *patience_s* seconds; the text ends with its log.

        """
        deadline = clock.monotonic() + patience_s
        while not answers(self._folder.url):
            if clock.monotonic() > deadline:
                raise StoreUnavailable(f"the embedded server did not answer within {patience_s:g} s{self._log_tail()}")
            try:
                code = self._process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            raise StoreUnavailable(f"the embedded server ended with code {code} while it started{self._log_tail()}")

    def wait(self) -> int:
        """Wait until the process ends, and return its exit code."""
        return self._process.wait()

    def terminate(self) -> None:
        """Ask the process to write what it holds and to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process at once: only for one that no longer listens."""
        self._process.kill()

    def _log_tail(self) -> str:
        if not self._folder.log.exists():
            return ""
        with self._folder.log.open(errors="replace") as log:
            log.seek(self._log_start)
            lines = deque((line.rstrip() for line in log if line.strip()), maxlen=_LOG_LINES)
        return f"; the end of {self._folder.log}:\n" + "\n".join(lines)


def answers(url: str) -> bool:
    """Say whether a server with its data loaded answers at *url*."""
    client = connect_blocking(url, answer_s=1.0)
    try:
        return bool(client.ping())
    except STORE_ERRORS:
        return False
    finally:
        client.close()


def _arguments(folder: DataFolder) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(folder.socket),
        "unixsocketperm": "700",
        "dir": str(folder.path),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": str(folder.log),
        "pidfile": str(folder.pid),
    }
    return [part for key, value in options.items() for part in (f"--{key}", value)]
