"""Whose turn it is: types share a full worker, none of them waits for ever; their priorities are in tests/policy."""

import pytest

from tests.conformance.world import names


async def test_types_of_equal_priority_share_alike(world):
    await world.join("w1", "a", "b", "c")
    await world.send(*(world.job(name) for name in "abc" for _ in range(60)))
    started = [job.type for _ in range(90) for job in (await world.claim(room=1, quantum=1)).jobs]

    assert [30, 30, 30] == [started.count(name) for name in "abc"]


async def test_a_type_that_is_often_full_does_not_keep_the_others_from_starting(world):
    """Its pass goes on when it is out of the index, or it would come back as the first each time."""
    await world.join("w1", "a", concurrency=8)
    await world.leave("w1")
    await world.join("w2", "a", "b", apply=False)
    await world.send(*(world.job(name) for name in "ab" for _ in range(100)))
    started = []
    for _ in range(12):
        jobs = (await world.claim("w2", 8)).jobs
        started += [job.type for job in jobs]
        await world.complete("w2", jobs)

    assert started.count("b") == pytest.approx(48, abs=16)


async def test_a_lane_that_had_no_turn_for_long_is_fair_to_who_comes_to_it(world):
    """Virtual time goes on by lane: a type that was long alone in one does not owe its turns to those that come."""
    await world.join("w1", "busy", "first", "second")
    await world.join("w2", "first", "second")
    await world.join("w1", "busy", "first", "second", joining=False, apply=False)
    await world.send(*(world.job("first") for _ in range(200)))
    await world.claim(room=1, lanes={world.lanes["first"]: 1})
    for _ in range(20):
        await world.send(*(world.job("busy") for _ in range(250)))
        await world.claim(room=250, lanes={world.lanes["busy"]: 250})

    await world.send(*(world.job("second") for _ in range(100)))

    lanes = {world.lanes["first"]: 1}
    started = [job.type for _ in range(40) for job in (await world.claim(room=1, quantum=1, lanes=lanes)).jobs]
    assert started.count("second") == pytest.approx(20, abs=2)


async def test_a_type_that_comes_late_does_not_get_every_turn(world):
    await world.join("w1", "a", "b")
    for _ in range(4):
        await world.send(*(world.job("a") for _ in range(250)))
    await world.claim(room=900)
    await world.send(*(world.job("b") for _ in range(100)))

    started = [job.type for _ in range(40) for job in (await world.claim(room=1, quantum=1)).jobs]
    assert started.count("b") == pytest.approx(20, abs=2)


async def test_a_type_that_comes_to_another_lane_owes_nothing_there(world):
    await world.join("w1", "a")
    for _ in range(4):
        await world.send(*(world.job("a") for _ in range(250)))
    assert len((await world.claim(room=1000)).jobs) == 1000
    await world.leave("w1")
    await world.join("w2", "a", "b")
    await world.send(*(world.job("b") for _ in range(100)))

    started = [job.type for _ in range(40) for job in (await world.claim("w2", 1, quantum=1)).jobs]
    assert started.count("a") == pytest.approx(20, abs=2)


async def test_a_type_with_jobs_of_several_priorities_shares_like_any_other(world):
    await world.join("w1", "a", "b")
    await world.send(*(world.job("a", priority=priority) for priority in ("high", "normal", "low") for _ in range(20)))
    await world.send(*(world.job("b") for _ in range(60)))

    started = [job.type for _ in range(40) for job in (await world.claim(room=1, quantum=1)).jobs]
    assert started.count("b") == pytest.approx(20, abs=2)


async def test_a_type_whose_jobs_come_one_by_one_does_not_wait_for_a_busy_one(world):
    await world.join("w1", "busy", "rare")
    await world.send(*(world.job("busy") for _ in range(200)))
    await world.claim(room=50)
    for turn in range(5):
        await world.enqueue("rare", f"n{turn}")
        assert f"rare:n{turn}" in names(await world.claim(room=17, quantum=16))


async def test_a_type_with_a_large_backlog_costs_a_small_one_neither_time_nor_turns(world):
    await world.join("w1", "big", "small")
    for _ in range(40):
        await world.send(*(world.job("big") for _ in range(250)))
    for turn in range(3):
        await world.enqueue("small", f"n{turn}")
        before = await commands_run(world)
        answer = await world.claim(room=20)
        assert f"small:n{turn}" in names(answer)
        assert await commands_run(world) - before < 50


async def commands_run(world):
    stats = await world.store.redis.info("commandstats")
    return sum(stat["calls"] for stat in stats.values())


async def in_lanes(world, **policies):
    """Have worker w1 run types of these priorities, each in a lane of its own but for the first two."""
    names_ = list(policies)
    for n, (name, priority) in enumerate(policies.items()):
        await world.join(f"x{n}", name, priority=priority)
        await world.leave(f"x{n}")
    for n, name in enumerate(names_[2:]):
        await world.join(f"y{n}", name, apply=False)
    await world.join("w1", *names_, apply=False)
    for name in names_:
        for _ in range(8):
            await world.send(*(world.job(name) for _ in range(60)))


async def starts(world, claims, room=1, lanes=None):
    """Claim, end what was claimed, and so on; return the types that started."""
    started = []
    for _ in range(claims):
        jobs = (await world.claim("w1", room, quantum=1, lanes=lanes)).jobs
        started += [job.type for job in jobs]
        await world.complete("w1", jobs)
    return started


async def test_types_of_several_lanes_share_like_those_of_one(world):
    await in_lanes(world, a="normal", b="normal", c="normal")
    assert 2 == len(set(world.lanes.values()))
    started = await starts(world, 90)

    assert [30, 30, 30] == [started.count(name) for name in "abc"]


@pytest.mark.parametrize(("room", "claims"), [(1, 140), (7, 40), (16, 30)])
async def test_types_of_several_lanes_share_by_their_priority(world, room, claims):
    await in_lanes(world, low="low", high="high", normal="normal", other="high")
    assert 3 == len(set(world.lanes.values()))
    started = await starts(world, claims, room)

    shares = [started.count(name) * 11 / len(started) for name in ("high", "other", "normal", "low")]
    assert [4, 4, 2, 1] == pytest.approx(shares, rel=0.15)


async def test_a_lane_in_which_nobody_had_room_does_not_get_every_turn_afterwards(world):
    await in_lanes(world, a="normal", b="normal", c="normal")
    await starts(world, 200, lanes={world.lanes["a"]: 1})
    started = await starts(world, 30)

    assert [10, 10, 10] == pytest.approx([started.count(name) for name in "abc"], abs=3)


async def test_a_lane_far_ahead_of_the_others_does_not_wait_until_they_have_caught_up(world):
    """No claim brings one there; a namespace of an earlier version had no common front."""
    await in_lanes(world, a="normal", b="normal", c="normal")
    await world.store.redis.zadd(world.store.keys.prefix + f"ready:{world.lanes['c']}", {"c": 10**6})
    await world.store.redis.hset(world.store.keys.prefix + "passes", "c", str(10**6))
    started = await starts(world, 70, room=10)

    assert 33 == pytest.approx(started[600:].count("c"), abs=10)
