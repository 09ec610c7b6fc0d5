"""
The server that nobody has to install: one Valkey for all processes of a working directory.

Every process that wants it runs the same loop: take the lock of the data folder, start the server, wait until it ends,
begin again. Who has the lock is the owner; the others are guests, use the owner's server through its socket, and one of
them takes the lock when it is free: because the owner ended and its server with it, or because somebody killed the
server. The server process alone holds the lock, so it is free exactly when no server has the folder open.
"""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import Future
from pathlib import Path

from jobframe.core import clock
from jobframe.core.errors import StoreUnavailable
from jobframe.store.binary import find_binary
from jobframe.store.data_folder import DataFolder
from jobframe.store.server_process import ServerProcess, answers

__all__ = ["DATA_DIR", "Embedded", "find_binary", "running"]

DATA_DIR = Path(".jobframe")
"""The data folder, in the working directory."""

_READY_S = 120.0  # a large append-only file takes its time to load
_STOP_S = 30.0
_LOOK_S = 0.1
_SOON_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0

_log = logging.getLogger(__name__)


def running(data_dir: Path = DATA_DIR) -> str | None:
    """Return the URL of the server that runs on *data_dir*, or None when none answers."""
    url = DataFolder(data_dir).url
    return url if answers(url) else None


class Embedded:
    """
    The part of one process in the embedded server.

    Attributes:
        url: Where the server listens, whoever owns it.
        owner: Whether this process started the server that runs now.

    """

    def __init__(self, data_dir: Path = DATA_DIR) -> None:
        """Name the folder; nothing is touched before `start`."""
        self._folder = DataFolder(data_dir)
        self.url = self._folder.url
        self._available: Future[None] = Future()
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._server: ServerProcess | None = None
        # The server ends with the thread that started it, so that thread has to last as long as the process.
        self._supervisor = threading.Thread(target=self._supervise, name="jobframe-embedded", daemon=True)

    @property
    def owner(self) -> bool:
        """Whether this process started the server that runs now."""
        return self._server is not None

    def start(self, patience_s: float = _READY_S) -> Embedded:
        """
        Start the server, or find the one that runs; from then on keep one running until `stop`.

        Args:
            patience_s: Longest wait, in seconds.

        Raises:
            StoreUnavailable: No server program, no access to the folder, or the server does not start.

        """
        self._folder.prepare()
        self._binary = find_binary()
        self._supervisor.start()
        try:
            self._available.result(patience_s)
        except TimeoutError:
            self.stop()
            raise StoreUnavailable(
                f"another process has {self._folder.path} but its server did not answer within {patience_s:g} s: see "
                f"{self._folder.log}",
                acknowledged=False,
            ) from None
        except StoreUnavailable:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server if this process owns it: it writes what it holds, then a guest may start it again."""
        with self._guard:
            self._stopping.set()
            server = self._server
        if server:
            server.terminate()
        if self._supervisor.is_alive():
            self._supervisor.join(_STOP_S)
        if server and self._supervisor.is_alive():
            _log.error("the embedded server (process %s) did not end within %g s and is killed", server.pid, _STOP_S)
            server.kill()
            self._supervisor.join()

    def _supervise(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = clock.monotonic()
            try:
                server = self._spawn()
            except StoreUnavailable as error:
                self._fail(error)
            else:
                if server is None:
                    self._look_at_the_owners()
                    continue
                self._run(server)
            pause_s = _FIRST_PAUSE_S if clock.monotonic() - began > _SOON_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            self._stopping.wait(pause_s)

    def _spawn(self) -> ServerProcess | None:
        """Start the server when its folder is free and nobody asked us to stop."""
        with self._guard:
            if self._stopping.is_set():
                return None
            lock = self._folder.lock()
            if lock is None:
                return None
            try:
                self._server = ServerProcess(self._binary, self._folder, lock)
            finally:
                os.close(lock)  # the server has its own copy: the lock is free as soon as the server is gone
            return self._server

    def _run(self, server: ServerProcess) -> None:
        """See one server process from its start to its end."""
        try:
            server.wait_until_ready(_READY_S)
        except StoreUnavailable as error:
            self._fail(error)
            server.terminate()
        else:
            self._succeed()
        code = server.wait()
        with self._guard:
            self._server = None
        if not self._stopping.is_set():
            _log.warning("the embedded server ended with code %s and is started again", code)

    def _look_at_the_owners(self) -> None:
        """As a guest: say once that the owner's server answers, then only look whether the lock is free."""
        if not self._available.done() and answers(self.url):
            self._succeed()
        self._stopping.wait(_LOOK_S)

    def _succeed(self) -> None:
        if not self._available.done():
            self._available.set_result(None)

    def _fail(self, error: StoreUnavailable) -> None:
        if not self._available.done():
            self._stopping.set()  # it never ran: start() tells its caller, and nothing is tried again
            self._available.set_exception(error)
        elif not self._stopping.is_set():
            _log.warning("%s", error)
