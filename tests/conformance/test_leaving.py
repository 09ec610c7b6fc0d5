"""The slot of a limited type whose thread's job was given back stays taken until its process has surely ended."""

from jobframe.core.outcome import Interrupted
from tests.conformance.world import names


async def test_no_other_job_takes_the_slot_before_the_delay_is_over(world):
    await world.join("w1", "a", concurrency=1)
    await world.join("w2", "a", concurrency=1)
    job = await world.start("w1", "a", "x")
    await world.enqueue("a", "y")

    await world.end("w1", job, Interrupted(1000))

    assert [] == (await world.claim("w2")).jobs
    world.now += 1001
    assert ["a:y"] == names(await world.claim("w2"))


async def test_the_type_is_looked_at_when_the_slot_is_free(world):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x")
    await world.enqueue("a", "y")

    await world.end("w1", job, Interrupted(1000))

    assert 1001 == (await world.claim("w1")).watch_ms


async def test_a_job_given_back_without_a_delay_frees_its_slot_at_once(world):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x")

    await world.end("w1", job, Interrupted())

    assert ["a:x"] == names(await world.claim("w1"))
