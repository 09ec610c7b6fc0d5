"""One deployment to measure: a folder with jobs.toml and a plugin, a namespace on a server, workers, a client."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jobframe
from bench.server import Server
from bench.worker import Worker

__all__ = ["Deployment", "deployed", "until", "write_plugin"]

_PLUGIN = Path(__file__).with_name("bench_jobs.py")
_ROOT = Path(__file__).parents[1]
_PATIENCE_S = 300.0
_LOOK_S = 0.004


class Deployment:
    """
    Workers over one namespace.

    Attributes:
        server: Its server.
        folder: Where its workers run.
        types: Names of the job types that do nothing.
        jobs: A client.
        workers: The processes started so far.

    """

    jobs: jobframe.Jobs

    def __init__(self, server: Server, folder: Path, types: int) -> None:
        """Write configuration and plugin and start nothing."""
        self.server = server
        self.folder = folder
        self.types = [f"bench.t{number:03}" for number in range(types)]
        self.workers: list[Worker] = []
        shutil.copy(_PLUGIN, folder)
        write_plugin(folder, "jobframe-bench", "bench_jobs")
        self.configure()

    @property
    def config(self) -> Path:
        """Its jobs.toml."""
        return self.folder / "jobs.toml"

    def configure(self, *, plugins: tuple[str, ...] = ("jobframe-bench",), more: str = "", **runtime: object) -> None:
        """Write jobs.toml: which plugins, the keys of ``[runtime]``, further tables; all else is as it comes."""
        lines = [f"{key} = {value!r}" for key, value in ({"durability": "best-effort"} | runtime).items()]
        self.config.write_text(
            f'[redis]\nurl = "{self.server.url}"\n[plugins]\nallow = {list(plugins)}\n[runtime]\n'
            + "\n".join(lines)
            + f"\n{more}\n"
        )

    def start(self, *options: str, before: tuple[str, ...] = ()) -> Worker:
        """Start ``jobframe worker`` with *options*, run by the command *before* when there is one."""
        command = [*before, sys.executable, "-m", "jobframe", "worker", "--no-status", *options]
        return self.run(*command)

    def run(self, *command: str, answers: bool = False) -> Worker:
        """Start any process of this deployment, one that *answers* lines or not."""
        environment = {
            "PYTHONPATH": f"{self.folder}:{_ROOT}",
            "BENCH_LEDGER": str(self.folder / "ledger"),
            "BENCH_TYPES": str(len(self.types)),
        }
        self.workers.append(Worker(command, self.folder, environment, answers=answers))
        return self.workers[-1]

    def announce(self) -> None:
        """Have the types known and in force: a worker comes, finds nothing to do, and goes."""
        self.start("--burst").finish()
        self.workers.pop()

    async def joined(self, count: int) -> None:
        """Wait until *count* workers are in the fleet."""
        workers = self.jobs.store.keys.workers
        await until(lambda: self.server.redis.zcard(workers) == count, f"{count} workers", self._check)

    async def enqueue(self, count: int, *types: str, at_once: int = 100, numbered: bool = False) -> None:
        """Enqueue *count* jobs over *types* in turn, so many of one type in a call; *numbered* ones differ."""
        types = types or tuple(self.types)
        calls = [at_once] * (count // at_once) + [count % at_once] * bool(count % at_once)
        for number, size in enumerate(calls):
            first = number * at_once if numbered else 0
            await self.jobs.enqueue_many([(types[number % len(types)], {"n": first + each}) for each in range(size)])

    async def settled(self, count: int, *types: str) -> float:
        """
        Wait until the store shows *count* jobs completed since its beginning, and none active.

        Returns:
            When that was, by the machine's monotonic clock.

        """
        payloads = [self.jobs.store.keys.payload(name) for name in types or self.types]  # gone with its last job
        await until(lambda: not self.server.redis.exists(*payloads), f"{count} jobs settled", self._check)
        end = time.monotonic()
        counts = await self.jobs.counts()
        if counts["completed"] != count or counts["active"]:
            raise SystemExit(f"{count} jobs were to complete, but the store shows {counts}")
        return end

    async def drain(self, count: int) -> float:
        """
        Run jobs that wait already by one worker that starts now.

        Returns:
            Jobs per second, from the first call of a handler until the last outcome is in the store.

        """
        self.start()
        end = await self.settled(count)
        return count / (end - 1e-9 * min(at for at, _ in self.ledger("first")))

    def ledger(self, what: str) -> list[tuple[int, int]]:
        """Return moment, in nanoseconds, and number of each line of one kind that the handlers wrote."""
        path = self.folder / "ledger"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(int(at), int(number)) for kind, at, number in lines if kind == what]

    def stop(self) -> None:
        """End every worker."""
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    def _check(self) -> None:
        for worker in self.workers:
            worker.check()


@asynccontextmanager
async def deployed(server: Server, *, types: int = 1) -> AsyncIterator[Deployment]:
    """Have a deployment on an empty *server* for the time of the block."""
    server.redis.flushall()
    with tempfile.TemporaryDirectory(prefix="jobframe-bench-") as folder:
        deployment = Deployment(server, Path(folder), types)
        async with jobframe.connect(server.url, config=deployment.config) as deployment.jobs:
            try:
                yield deployment
            finally:
                deployment.stop()


def write_plugin(folder: Path, distribution: str, module: str) -> None:
    """Make *module*, a file in *folder*, a plugin as an installed distribution would."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[jobframe.plugins]\n{module} = {module}\n")


async def until(condition: Callable[[], Any], what: str, check: Callable[[], None]) -> None:
    """Wait until *condition* holds; *check* ends the measurement when it cannot hold any more."""
    deadline = time.monotonic() + _PATIENCE_S
    looks = 0
    while not condition():
        await asyncio.sleep(_LOOK_S)
        looks += 1
        if looks % 100 == 0:
            check()
        if time.monotonic() > deadline:
            raise SystemExit(f"not so after {_PATIENCE_S:.0f} s: {what}")
