"""A folder with jobs.toml, plugin and ledger, a namespace behind it, and as many workers as a test starts."""

from __future__ import annotations

import importlib
import os
import random  # noqa: TID251 - dice of a test, that fall the same again
import secrets
import shutil
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from jobframe.client.jobs import Jobs
from jobframe.project import load_project
from jobframe.store.inspect import workers
from jobframe.store.store import Store
from jobframe.wiring import build_runtime
from tests import timeline
from tests.fleet import evidence
from tests.fleet.ledger import Ledger
from tests.fleet.workers import JOBFRAME, Worker, until
from tests.proxy import Proxy

PLUGIN = Path(__file__).with_name("acme_work.py")
METADATA = "Metadata-Version: 2.1\nName: acme-work\nVersion: 1.0\n"


class Fleet:
    """
    Workers over one namespace.

    Attributes:
        folder: Where they run.
        url: Their server.
        namespace: Their namespace.
        jobs: A client that knows no handler.
        ledger: What the handlers wrote down.
        workers: The processes started so far.
        seed: Of the dice: `FAULTS_SEED`, or a new one.
        dice: Whatever a test leaves to chance asks these, so that a failed one can be run again.

    """

    def __init__(self, folder: Path, url: str, namespace: str) -> None:
        self.folder = folder
        self.url = url
        self.namespace = namespace
        self.jobs = Jobs(Store(url, namespace))
        self.ledger = Ledger(folder / "ledger")
        self.workers: list[Worker] = []
        self.seed = int(os.environ.get("FAULTS_SEED") or secrets.randbelow(1_000_000))
        self.dice = random.Random(self.seed)  # noqa: S311 - it hides nothing
        shutil.copy(PLUGIN, folder)
        info = folder / "acme_work-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(METADATA)
        (info / "entry_points.txt").write_text("[jobframe.plugins]\nwork = acme_work\n")
        self.configure()

    def configure(self, jobs: str = "", **runtime: str | int) -> None:
        """Write jobs.toml: tables of *jobs*, keys of ``[runtime]``."""
        timeline.happened("fleet", f"is configured: {runtime} {jobs!r}")
        lines = [f"{key} = {value!r}" for key, value in ({"durability": "best-effort"} | runtime).items()]
        (self.folder / "jobs.toml").write_text(
            f'[redis]\nurl = "{self.url}"\nnamespace = "{self.namespace}"\n[plugins]\nallow = ["acme-work"]\n'
            '[arq]\nqueue = ""\n[runtime]\n' + "\n".join(lines) + f"\n{jobs}\n"
        )

    @asynccontextmanager
    async def here(self, *, burst=False):
        """Run a worker in this process for the time of the block."""
        runtime = build_runtime(load_project(self.folder / "jobs.toml"), self.url, burst=burst)
        await runtime.start()
        try:
            yield runtime
        finally:
            self.ledger.open_gate("end")
            await runtime.drain(0)

    async def start(self, count: int = 1, *options: str, status: bool = False) -> list[Worker]:
        """Start workers as processes and wait until all have joined."""
        before = len(await workers(self.jobs.store))
        started = [self.spawn(*options, status=status) for _ in range(count)]
        await until(lambda: self._joined(before + count), f"{count} workers join")
        return started

    def spawn(self, *options: str, status: bool = False, program: tuple[str, ...] = JOBFRAME) -> Worker:
        """Start a worker as a process, perhaps with a status server, or another program that ends up as one."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        worker = Worker(self.folder, log, *options, status=status, program=program)
        self.workers.append(worker)
        return worker

    async def _joined(self, count: int) -> bool:
        for worker in self.workers:
            if worker.process.poll() not in (None, 0, -signal.SIGKILL):
                pytest.fail(f"a worker ended with {worker.process.poll()}:\n{worker.said()}")
        return len(await workers(self.jobs.store)) >= count

    def kill(self, worker: Worker) -> None:
        """End a worker with -9 and write down when."""
        worker.kill()
        self.ledger.note_kill(worker.pid)

    async def enqueue(self, count: int, type: str = "work.loop", **work: object) -> list[str]:
        """Enqueue *count* jobs that do the same and return their ids."""
        return [handle.id for handle in await self.jobs.enqueue_many([(type, work)] * count)]

    async def ended(self, type: str | None = None) -> dict[str, int]:
        """Wait until nothing waits or runs any more and return the counts."""
        counts = {}

        async def nothing_left():
            counts.update(await self.jobs.counts(type))
            return not counts["waiting"] + counts["delayed"] + counts["active"]

        await until(nothing_left, "every job has ended")
        return counts

    async def aclose(self) -> None:
        """End every process and close the client."""
        self.ledger.open_gate("end")
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()
        await self.jobs.aclose()
        await self.jobs.store.aclose()


@asynccontextmanager
async def fleet_at(url, namespace, folder, monkeypatch):
    """Have a fleet for the time of the block, with its plugin importable here."""
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("ACME_LEDGER", str(folder / "ledger"))
    async with AsyncExitStack() as stack:
        fleet = Fleet(folder, url, namespace)
        evidence.watch(fleet)
        stack.callback(_forget_plugin)
        stack.push_async_callback(fleet.aclose)
        yield fleet


def _forget_plugin():
    sys.modules.pop("acme_work", None)
    importlib.invalidate_caches()


@pytest.fixture
async def fleet(redis_url, namespace, tmp_path, monkeypatch):
    """A fleet on the shared server."""
    async with fleet_at(redis_url, namespace, tmp_path, monkeypatch) as fleet:
        yield fleet


@pytest.fixture
async def durable_fleet(own_server, namespace, tmp_path, monkeypatch):
    """A fleet on a durable server of its own, ``own_server``, to be killed and started again."""
    async with fleet_at(own_server.url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure(durability="aof")
        yield fleet


@pytest.fixture
async def network(fleet):
    """The way of a fleet's workers to the server; the test itself has a shorter one."""
    network = Proxy(fleet.url.removeprefix("unix://"), fleet.dice.random)
    await network.accept()
    fleet.url = network.url
    fleet.configure()
    yield network
    await network.aclose()
