"""Throw-away servers for every test: one Valkey and one Redis per test process, on unix sockets, gone at the end."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis  # at once: CPython 3.11 may fail to parse it once a test has exhausted the stack
import pytest
import redis

import jobframe
from jobframe.store.binary import find_binary
from tests import timeline
from tests.fleet.evidence import pytest_runtest_makereport, pytest_runtest_setup

__all__ = ["pytest_runtest_makereport", "pytest_runtest_setup"]

hypothesis.settings.register_profile("jobframe", deadline=None)  # nothing depends on speed
hypothesis.settings.load_profile("jobframe")

for hung_up in (signal.SIGINT, signal.SIGHUP):  # ignored by whoever started us: children that are sent them must hear
    if signal.getsignal(hung_up) is signal.SIG_IGN:
        signal.signal(hung_up, signal.default_int_handler if hung_up is signal.SIGINT else signal.SIG_DFL)

PATIENCE_S = 20.0
"""Longest wait for a server to answer or to end; a healthy one needs 0.05 s."""

PORT_ATTEMPTS = 5
"""A free port may be taken by somebody else before the server has it; then the next one is tried."""

LAUNCHER = Path(jobframe.__file__).parent / "store" / "die_with_parent.py"
SENTINEL_HAS_NO = ("dir", "save", "appendonly", "maxmemory-policy", "unixsocket")


class Server:
    """
    One server process in a folder of its own.

    Attributes:
        url: Where it listens, as redis-py reads it.
        binary: Its program.
        folder: Its working folder: configuration, log, socket and, when it is durable, its append-only file.
        ports: The options that ask for a port, and the port each got.
        process: The running process, or the last one.

    """

    def __init__(self, binary: Path, options: Mapping[str, str], ports: tuple[str, ...], *, sentinel: bool) -> None:
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(prefix="jf-", dir="/tmp"))  # pytest's own paths are too long for a socket
        self.ports = dict.fromkeys(ports, 0)
        self.process: subprocess.Popen[bytes] | None = None
        self._sentinel = sentinel
        self._options = {
            "port": "0",
            "unixsocket": f"{self.folder}/s",
            "dir": str(self.folder),
            "logfile": f"{self.folder}/log",
            "save": '""',
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            **options,
        }

    @property
    def url(self) -> str:
        """The unix socket, or the port of a sentinel."""
        return f"redis://127.0.0.1:{self.ports['port']}" if self._sentinel else f"unix://{self.folder}/s"

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        self._tell("is started")
        for _ in range(PORT_ATTEMPTS if self.ports else 1):
            self.ports = {name: port or _free_port() for name, port in self.ports.items()}
            if self._answers_in_time(self._launch()):
                return self
            self.ports = dict.fromkeys(self.ports, 0)
        log = self.folder / "log"
        pytest.fail(f"{self.binary} did not start:\n{log.read_text()[-2000:] if log.exists() else 'no log'}")

    def _launch(self) -> subprocess.Popen[bytes]:
        options = self._options | {name: str(port) for name, port in self.ports.items()}
        lines = [f"{key} {value}" for key, value in options.items() if not (self._sentinel and key in SENTINEL_HAS_NO)]
        configuration = self.folder / "conf"
        configuration.write_text("\n".join([*lines, ""]))
        command: list[str | Path] = [sys.executable, "-IS", LAUNCHER, str(os.getpid()), self.binary, configuration]
        self.process = subprocess.Popen(
            [*command, *(["--sentinel"] if self._sentinel else [])], stdin=subprocess.DEVNULL
        )
        return self.process

    def _answers_in_time(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        with redis.Redis.from_url(self.url) as client:
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    return bool(client.ping())
                except (redis.ConnectionError, redis.BusyLoadingError):
                    time.sleep(0.01)
        return False

    def stop(self) -> None:
        """End the process as an operator would; it saves what it has to."""
        if self.process and self.process.poll() is None:
            self._tell("is stopped")
            self.process.terminate()
            self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process:
            self._tell("is killed")
            self.process.kill()
            self.process.wait(PATIENCE_S)

    def _tell(self, what: str) -> None:
        timeline.happened(f"server {self.folder.name}", what)

    def flush(self) -> str:
        """Empty every database and return the address."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
        return self.url

    def remove(self) -> None:
        """Stop and delete the folder."""
        try:
            self.stop()
        finally:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _redis_binary() -> Path:
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    lacking = "redis-server is not on PATH (Debian: apt install redis-server; macOS: brew install redis)"
    if os.environ.get("CI") == "true":
        pytest.fail(lacking)
    pytest.skip(lacking)


def _running(binary: Path) -> Iterator[Server]:
    running = Server(binary, {}, (), sentinel=False)
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running Valkey that every test of this process shares."""
    yield from _running(find_binary())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """The same with the `redis-server` of the machine; skips without one, fails without one when CI=true."""
    yield from _running(_redis_binary())


@pytest.fixture(scope="session", params=["valkey", "redis"])
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server in turn: what uses this runs twice."""
    running: Server = request.getfixturevalue("server" if request.param == "valkey" else "redis_server")
    return running


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    """
    Start servers of this test alone: ``make_server({"maxmemory": "2mb"}, ports=("port",))``.

    *options* are lines of its configuration, *ports* names those that get a free port each, *binary* is another
    program than Valkey, *sentinel* makes it one.
    """
    made: list[Server] = []

    def make(
        options: Mapping[str, str] | None = None,
        *,
        ports: tuple[str, ...] = (),
        binary: Path | None = None,
        sentinel: bool = False,
    ) -> Server:
        made.append(Server(binary or find_binary(), options or {}, ports, sentinel=sentinel))
        return made[-1].start()

    try:
        yield make
    finally:
        for one in made:
            one.remove()


@pytest.fixture
def own_server(make_server: Callable[..., Server]) -> Server:
    """A durable Valkey of this test alone, to kill and start again."""
    return make_server({"appendonly": "yes"})


@pytest.fixture
def redis_url(server: Server) -> str:
    """The address of the shared Valkey, emptied."""
    return server.flush()


@pytest.fixture
def any_url(any_server: Server) -> str:
    """The address of each kind of server in turn, emptied."""
    return any_server.flush()


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """A namespace that no other test has."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-") + "-" + secrets.token_hex(4)
