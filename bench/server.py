"""A throw-away Valkey on a loopback port of its own, as a deployment has it: over TCP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import redis

from jobframe.store import die_with_parent
from jobframe.store.binary import find_binary

__all__ = ["Server", "server"]

_PATIENCE_S = 20.0
_INSIDE_SCRIPTS = tuple(f"cmdstat_{start}" for start in ("h", "z", "exists", "time", "del", "publish"))
_ATTEMPTS = 5
"""A free port may be taken by somebody else before the server has it."""


@attrs.frozen
class Server:
    """
    A running server.

    Attributes:
        url: Where it listens.
        redis: A connection to look at it.

    """

    url: str
    redis: redis.Redis

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used, all threads."""
        cpu: dict[str, Any] = self.redis.info("cpu")  # type: ignore[assignment] # the stub allows an awaitable
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

    def memory_bytes(self) -> int:
        """Bytes that its data takes."""
        memory: dict[str, Any] = self.redis.info("memory")  # type: ignore[assignment] # same
        return int(memory["used_memory"])

    def commands(self) -> int:
        """Count the commands of clients so far: what scripts do inside is not among them."""
        stats: dict[str, Any] = self.redis.info("commandstats")  # type: ignore[assignment] # same
        return sum(int(each["calls"]) for name, each in stats.items() if not name.startswith(_INSIDE_SCRIPTS))

    def script_us(self) -> int:
        """Microseconds spent in scripts so far."""
        stats: dict[str, Any] = self.redis.info("commandstats")  # type: ignore[assignment] # same
        return sum(int(stats[name]["usec"]) for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats)


@contextmanager
def server(*, aof: bool = False) -> Iterator[Server]:
    """
    Have a server for the time of the block.

    Args:
        aof: Whether it keeps an append-only file, written to disk each second, as a durable deployment does.

    """
    with tempfile.TemporaryDirectory(prefix="jobframe-bench-") as folder:
        for _ in range(_ATTEMPTS):
            process, port = _start(Path(folder), aof=aof)
            try:
                client = redis.Redis(port=port)
                if _answers(client, process):
                    yield Server(f"redis://127.0.0.1:{port}/0", client)
                    return
            finally:
                process.terminate()
                process.wait(_PATIENCE_S)
        raise SystemExit(f"the server did not start:\n{Path(folder, 'log').read_text()[-2000:]}")


def _start(folder: Path, *, aof: bool) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "logfile": str(folder / "log"),
        "save": "",
        "appendonly": "yes" if aof else "no",
        "appendfsync": "everysec",
    }
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    launcher = [sys.executable, "-IS", die_with_parent.__file__, str(os.getpid())]
    return subprocess.Popen([*launcher, str(find_binary()), *words], stdout=subprocess.DEVNULL), port


def _answers(client: redis.Redis, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            time.sleep(0.01)
    return False
