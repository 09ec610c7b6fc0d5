"""A full server: enqueue is refused and changes nothing, all that drains goes on, only large results are given up."""

import pytest

from jobframe.core.errors import StoreFull
from jobframe.core.outcome import Completed, Failed, Retried
from jobframe.store.codec import Record
from tests.conformance.invariants import broken
from tests.conformance.world import World

BODY = b'"%s"' % (b"x" * 2000)


@pytest.fixture(params=["valkey", "redis"])
async def world(request, make_server, redis_server, namespace):
    """A namespace on a server of its own, whose memory is limited later."""
    server = make_server(binary=None if request.param == "valkey" else redis_server.binary)
    world = World(server.url, namespace)
    await world.join("w1", "a", "b")
    yield world
    assert await broken(world) == []
    await world.aclose()


async def fill(world):
    """Enqueue jobs, then leave the server no memory for more."""
    for _ in range(4):
        await world.send(*(world.job("a", body=BODY) for _ in range(250)))
    await world.store.redis.config_set("maxmemory", "1mb")


async def test_a_refused_enqueue_changes_nothing(world):
    await fill(world)
    before = await world.dump()

    with pytest.raises(StoreFull):
        await world.enqueue("a", "x", key="k", priority="high", given=True)

    assert before == await world.dump()


async def test_everything_but_enqueue_goes_on(world):
    await fill(world)
    await world.join("w2", "a", "b", max_retries=9)
    retried, failed, *rest = (await world.claim(room=100)).jobs
    record = Record(attempts=1)
    assert [True, True] == await world.settle(
        "w1", world.ended(retried, Retried(0), record), world.ended(failed, Failed("why"), record)
    )
    assert all([await world.end("w1", job, Completed(b"1"), follow_ups=[world.job("b")]) for job in rest[:-1]])
    assert await world.cancel(f"a:{rest[-1].unique}") == "active"
    await world.bury("w1")
    assert await world.cancel(f"a:{retried.unique}") == "cancelled"
    await world.retry(f"a:{retried.unique}")
    await world.pause("a")
    await world.pause("a", "resume")
    await world.leave("w2")

    assert {
        "waiting": 998,
        "completed": 97,
        "failed": 1,
        "cancelled": 2,
        "retried": 1,
        "crashed": 1,
    } == await world.counts()
    with pytest.raises(StoreFull):
        await world.enqueue("a", "x")


async def test_large_results_are_given_up_and_that_the_jobs_completed_is_not(world):
    await fill(world)
    jobs = (await world.claim(room=2)).jobs

    large, small = Completed(b'"%s"' % (b"r" * 20_000)), Completed(b'"small"')
    assert [True] == await world.settle("w1", world.ended(jobs[0], large))
    assert [True] == await world.settle("w1", world.ended(jobs[1], small))

    assert {jobs[1].unique: '"small"'} == (await world.dump())["result:a"]
    assert [(await world.state(f"a:{job.unique}")) for job in jobs] == ["completed", "completed"]


async def test_enqueue_is_back_when_there_is_memory_again(world):
    await fill(world)
    await world.store.redis.config_set("maxmemory", "0")

    assert [None] == await world.enqueue("a", "x")
