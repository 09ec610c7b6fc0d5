"""``unique`` in jobs.toml is another by now: what jobs from before and jobs of today do to one another."""

from jobframe.core.outcome import Completed, Retried
from jobframe.store.codec import Record
from jobframe.store.doctor import examine
from tests.conformance.world import HOUR, MINUTE, SECOND
from tests.policy.equal import claimed, put, running


async def test_a_job_from_before_its_type_replaced_lets_its_successor_start_at_once(world):
    await world.join("w1", "a")
    job = await running(world, replace=False)
    await put(world, "next")
    await world.woken()
    await world.end("w1", job, Completed(b""))

    assert await world.woken()
    assert ["next"] == list(await claimed(world))
    assert {} == (await examine(world.store)).troubles


async def test_a_waiting_job_replaced_under_no_window_any_more_is_found_until_it_has_ended(world):
    await world.join("w1", "a")
    await put(world, "x", window_ms=MINUTE, when=f"+{HOUR}")
    await put(world, "y")
    world.now += 2 * MINUTE
    await world.sweep()

    assert "x" == await put(world, "z")


async def test_a_waiting_job_replaced_under_a_window_is_found_until_that_lapses(world):
    await world.join("w1", "a")
    await put(world, "x", when=f"+{HOUR}")
    await put(world, "y", window_ms=MINUTE)
    world.now += MINUTE - 1
    assert "x" == await put(world, "z", window_ms=MINUTE)
    world.now += 1

    assert "z" == await put(world, "z", window_ms=MINUTE)


async def test_a_running_job_whose_successor_had_a_window_leaves_nothing_of_it(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next", window_ms=MINUTE)
    await world.cancel("a:next")
    await world.end("w1", job, Completed(b""))

    assert "lapses:a" not in await world.dump()


async def test_a_job_and_its_successor_that_expire_in_one_claim_free_their_key(world):
    await world.join("w1", "a")
    job = await running(world, expires_ms=MINUTE)
    await put(world, "next", expires_ms=MINUTE)
    await world.end("w1", job, Retried(SECOND), Record(attempts=1))
    world.now += 2 * MINUTE
    world.renew("w1")
    assert {} == await claimed(world)

    assert ["failed", "failed"] == [await world.state("a:first"), await world.state("a:next")]
    assert {} == (await examine(world.store)).troubles
    assert "x" == await put(world, "x")
    assert ["x"] == list(await claimed(world))
