"""Wake markers and the watch of the next due time: no worker sleeps while there is work that it could start."""

import pytest

from tests.conformance.world import HOUR, MINUTE, SECOND, START_MS, names


async def test_one_worker_watches_the_next_due_time_for_all(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.enqueue("a", "x", when=f"+{MINUTE}")

    assert MINUTE == (await world.claim("w1")).watch_ms
    assert (await world.claim("w2")).watch_ms == 0
    world.now += SECOND
    assert MINUTE - SECOND == (await world.claim("w1")).watch_ms


async def test_who_sees_an_earlier_time_watches_that(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.enqueue("a", "x", when=f"+{MINUTE}")
    await world.claim("w1")
    await world.enqueue("a", "y", when=f"+{SECOND}")

    assert SECOND == (await world.claim("w2")).watch_ms
    assert (await world.claim("w1")).watch_ms == 0


async def test_a_watch_that_is_over_goes_to_whoever_looks_next(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.enqueue("a", "x", when=f"+{MINUTE}")
    await world.enqueue("a", "y", when=f"+{HOUR}")
    await world.claim("w1")
    world.now += MINUTE

    answer = await world.claim("w2")

    assert (["a:x"], HOUR - MINUTE) == (names(answer), answer.watch_ms)


async def test_a_worker_without_room_leaves_the_watch_to_others(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.enqueue("a", "x", when=f"+{MINUTE}")
    assert MINUTE == (await world.claim("w1")).watch_ms
    await world.enqueue("a", "y")
    await world.woken()

    answer = await world.claim("w1", room=1)

    assert (["a:y"], 0) == (names(answer), answer.watch_ms)
    assert await world.woken()
    assert MINUTE == (await world.claim("w2")).watch_ms


@pytest.mark.parametrize("end", ["leave", "bury"])
async def test_the_watch_of_a_worker_that_is_gone_goes_to_another(world, end):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.enqueue("a", "x", when=f"+{HOUR}")
    await world.claim("w1")
    await world.woken()

    await getattr(world, end)("w1")

    assert await world.woken()
    assert START_MS + HOUR - world.now == (await world.claim("w2")).watch_ms


async def test_a_due_job_wakes_its_lane(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")

    assert await world.woken()


async def test_a_future_job_wakes_its_lane_only_when_nobody_watches_an_earlier_time(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when=f"+{MINUTE}")
    assert await world.woken()
    await world.claim()

    await world.enqueue("a", "later", when=f"+{HOUR}")
    assert not await world.woken()
    await world.enqueue("a", "earlier", when="+5")
    assert await world.woken()


async def test_who_leaves_work_for_want_of_room_wakes_another(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", "y")
    await world.woken()
    await world.claim(room=1)
    assert await world.woken()

    await world.claim(room=2)
    assert not await world.woken()


async def close_by_pause(world):
    await world.pause("a")


async def close_by_limit(world):
    await world.start("w1", "a", "running")


@pytest.mark.parametrize("close", [close_by_pause, close_by_limit])
async def test_a_closed_type_wakes_nobody(world, close):
    await world.join("w1", "a", concurrency=1)
    await close(world)
    await world.woken()

    await world.enqueue("a", "x")

    assert not await world.woken()


async def test_a_type_that_nobody_announced_leaves_no_marker(world):
    await world.enqueue("a", "x")
    await world.enqueue("a", "y", when="+5")

    assert not [key for key in await world.dump() if key.startswith("wake")]


async def test_a_marker_handed_on_is_written_where_there_is_work_or_an_unwatched_time(world):
    await world.join("w1", "a")
    lane = world.lanes["a"]
    await world.store.run("mark", lane)
    assert not await world.woken()

    await world.enqueue("a", "x", when=f"+{MINUTE}")
    await world.woken()
    await world.store.run("mark", lane)
    assert await world.woken()

    await world.claim()
    await world.store.run("mark", lane)
    assert not await world.woken()

    world.now += MINUTE
    await world.store.run("mark", lane)
    assert await world.woken()
