"""Waiting for a job's end: the answer when it has ended, and a message to those who wait when it does."""

import asyncio

import pytest

from jobframe.core.errors import JobNotFound
from jobframe.core.outcome import Cancelled, Completed, Failed, Parked, Retried
from jobframe.store.listen import Listener
from jobframe.store.results import Ended
from tests.conformance.world import names

PATIENCE_S = 10


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(
    ("outcome", "ended"),
    [
        (Completed(b'{"n": 1}'), Ended("completed", b'{"n": 1}')),
        (Completed(), Ended("completed", b"")),
        (Failed("why"), Ended("failed", b"why")),
        (Cancelled("why"), Ended("cancelled", b"why")),
    ],
)
async def test_a_job_that_has_ended_tells_how(world, outcome, ended, given):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", given=given), outcome)

    assert ended == await world.await_result("a:x")
    assert "waiters" not in await world.dump()


async def test_a_job_that_does_not_exist_cannot_be_waited_for(world):
    with pytest.raises(JobNotFound):
        await world.await_result("a:x")


@pytest.mark.parametrize("outcome", [Parked("why"), Retried(0)])
async def test_a_job_that_lives_on_has_not_ended(world, outcome):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x"), outcome)

    assert await world.await_result("a:x") is None


@pytest.fixture
async def heard(world):
    """What client c1 is told, in a queue."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    listener = Listener(world.store, world.store.keys.ended_channel("c1"), queue.put_nowait)
    await listener.ready()
    yield queue
    await listener.aclose()


async def end_by_completion(world):
    await world.complete("w1", (await world.claim()).jobs)


async def end_by_cancel(world):
    await world.cancel("a:x")


async def end_by_expiry(world):
    world.now += 1000
    assert [] == names(await world.claim())


async def end_by_death(world):
    await world.claim()
    await world.cancel("a:x")
    await world.bury("w1")


@pytest.mark.parametrize("end", [end_by_completion, end_by_cancel, end_by_expiry, end_by_death])
async def test_who_waits_is_told_of_the_end_however_it_comes(world, heard, end):
    await world.join("w1", "a")
    await world.enqueue("a", "x", expires_ms=1000)
    for client in ("c0", "c1", "c2", "c1"):
        assert await world.await_result("a:x", client) is None

    await end(world)

    async with asyncio.timeout(PATIENCE_S):
        assert await heard.get() == "a\tx"
    assert heard.empty()
    assert await world.await_result("a:x") is not None
    assert "waiters" not in await world.dump()


async def test_who_waits_is_not_told_of_other_jobs(world, heard):
    await world.join("w1", "a")
    await world.enqueue("a", "x", "y")
    await world.await_result("a:y", "c1")
    await world.complete("w1", (await world.claim(room=1)).jobs)
    await world.complete("w1", (await world.claim(room=1)).jobs)

    async with asyncio.timeout(PATIENCE_S):
        assert await heard.get() == "a\ty"
    assert heard.empty()
