"""A client, a fleet of one worker whose hands the test moves, and a way between client and server that can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest
import redis

from jobframe.client.jobs import Jobs
from jobframe.core.jobtype import JobType
from jobframe.core.payload import restricted
from jobframe.core.policy import Policy
from jobframe.store import policies
from jobframe.store.store import Store
from tests.conformance.world import START_MS, World
from tests.fleet.fixtures import fleet
from tests.proxy import Proxy

__all__ = ["calls", "far_jobs", "fleet", "proxy", "world"]


@attrs.frozen
class Page:
    number: int = 0
    note: str = ""


@attrs.frozen
class Sealed:
    number: int = 0
    note: str = restricted(default="")


async def read(ctx, page: Page): ...
async def read_sealed(ctx, page: Sealed): ...
async def close(ctx): ...


class ClientWorld(World):
    """
    A namespace with a client.

    Attributes:
        jobs: The client; it has imported no handler.

    """

    def __init__(self, url: str, namespace: str) -> None:
        super().__init__(url, namespace)
        self.jobs = Jobs(self.store)

    async def announce(self, *types: JobType, **policy) -> None:
        """Have worker ``w1`` announce *types*, payloads included."""
        member = policies.Member(
            host="box", pid=1, started_at=START_MS, types=tuple(each.name for each in types), kind="k", max_jobs=9,
            lease_ms=10**9, version="1",
        )  # fmt: skip
        documents = [policies.document(each, Policy(**policy), "w1") for each in types]
        answer = await policies.announce(self.store, "w1", member, documents, apply=True, edited_ms=START_MS)
        self.lanes |= {name: lane for name, (lane, _) in answer.items()}

    async def bodies(self, type: str) -> dict[str, bytes]:
        """Return what stands in the store behind each payload's enqueue time."""
        found = await self.store.read_hash(f"{self.store.keys.prefix}payload:{type}")
        return {unique: value[13:] for unique, value in found.items()}

    async def aclose(self) -> None:
        await self.jobs.aclose()
        await super().aclose()


@pytest.fixture
async def world(redis_url: str, namespace: str) -> AsyncIterator[ClientWorld]:
    """A namespace in which types ``book.read`` (of `Page`) and ``book.close`` (no fields) are announced."""
    world = ClientWorld(redis_url, namespace)
    await world.announce(JobType("book.read", 1, read, {}), JobType("book.close", 1, close, {}))
    yield world
    await world.aclose()


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    """A way to the server that the test disturbs."""
    proxy = Proxy(redis_url.removeprefix("unix://"))
    await proxy.accept()
    yield proxy
    await proxy.aclose()


@pytest.fixture
async def far_jobs(world: ClientWorld, proxy: Proxy) -> AsyncIterator[Jobs]:
    """A client whose way to the server is the proxy; it has enqueued before, so the server knows the script."""
    jobs = Jobs(Store(proxy.url, world.store.keys.namespace, clock=lambda: str(world.now)))
    await jobs.enqueue("book.close", id="before")
    yield jobs
    proxy.release()
    await jobs.aclose()
    await jobs.store.aclose()


@pytest.fixture
def calls(redis_url: str):
    """Return how many scripts clients have run on the server so far."""

    def count() -> int:
        with redis.Redis.from_url(redis_url) as client:
            stats = client.info("commandstats")
        return sum(stats.get(name, {"calls": 0})["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval"))

    return count
