"""A status server over real keys, and the parts of a snapshot to judge."""

from __future__ import annotations

from contextlib import contextmanager

import aiohttp
import pytest

from jobframe.status.server import StatusServer
from jobframe.store.inspect import COUNTS, ServerFacts, Snapshot, TypeStats, WorkerStats
from jobframe.store.policies import Member
from jobframe.store.store import Store


@pytest.fixture
async def store(redis_url, namespace):
    """The namespace that the status server shows."""
    opened = Store(redis_url, namespace)
    yield opened
    await opened.aclose()


@pytest.fixture
def serving(redis_url, namespace):
    """Run a status server on a free port for the time of a with block."""

    @contextmanager
    def serve(url=redis_url, **options):
        server = StatusServer(url, namespace, port=0, **options)
        try:
            assert server.start()
            yield server.address
        finally:
            server.stop()

    return serve


@pytest.fixture
def address(serving):
    """A running status server that carries no worker."""
    with serving(durability="best-effort") as address:
        yield address


@pytest.fixture
async def web():
    """A client that takes bodies as they are."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


def type_stats(name="doc.embed", *, waits=None, runs=None, **values):
    """Make the statistics of a type: counts by their name, the rest by attribute."""
    counts = {key: values.pop(key, 0) for key in COUNTS}
    given = {
        "announced": True,
        "failures": 0,
        "failed_today": 0,
        "oldest_waiting_ms": None,
        "limit": None,
        "paused": False,
    }
    return TypeStats(type=name, counts=counts, waits=waits or {}, runs=runs or {}, **(given | values))


def worker_stats(name="w1", *, alive=True, age_ms=100, types=("doc.embed",), differs=()):
    """Make the statistics of a worker."""
    member = Member(host="h", pid=1, started_at=0, types=types, kind="", max_jobs=1, lease_ms=12_000, version="1")
    return WorkerStats(worker=name, alive=alive, heartbeat_age_ms=age_ms, held=0, member=member, differs=differs)


def snapshot_of(*types, workers=(), aof=True, evicts=False, full=False, replicas=0):
    """Make a snapshot."""
    server = ServerFacts(aof=aof, evicts=evicts, full=full, replicas=replicas)
    return Snapshot(now_ms=0, types=types, workers=tuple(workers), server=server)


@pytest.fixture
def make():
    """The three makers above, by name."""

    class Make:
        type = staticmethod(type_stats)
        worker = staticmethod(worker_stats)
        snapshot = staticmethod(snapshot_of)

    return Make
