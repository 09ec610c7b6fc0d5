"""The server's clock is set back: what had come due goes on at once, in its order; what is delayed keeps its time."""

import pytest

from jobframe.core.group import Group
from jobframe.core.outcome import Interrupted, Retried
from jobframe.store.codec import Record
from tests.conformance.world import HOUR, MINUTE, SECOND, names

UNNOTED_MS = 10_000
"""What comes due so soon after the latest time that was noted keeps its delay, not its time."""


async def set_back(world, ms=HOUR):
    world.now -= ms
    while (await world.sweep()).more:
        pass


async def test_jobs_that_wait_go_on_at_the_next_sweep_in_their_order(world):
    await world.join("w1", "a")
    await world.enqueue("a", "delayed", when="+5000")
    for unique in ("first", "second"):
        world.now += 3 * SECOND
        await world.enqueue("a", unique)
    await world.woken()

    await set_back(world)

    assert {"waiting": 3} == await world.counts()
    assert await world.woken()
    assert ["a:first", "a:delayed", "a:second"] == names(await world.claim())


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
async def test_jobs_of_every_priority_go_on(world, priority):
    await world.join("w1", "a")
    await world.enqueue("a", "x", priority=priority)
    await set_back(world)

    assert ["a:x"] == names(await world.claim())


async def test_jobs_that_wait_go_on_at_the_next_enqueue(world):
    await world.join("w1", "a", "b")
    await world.enqueue("a", "x")
    world.now -= HOUR
    assert [] == names(await world.claim())

    await world.enqueue("b", "y", when="+1800000")

    assert ["a:x"] == names(await world.claim())
    assert await world.state("b:y") == "delayed"


async def test_jobs_that_came_while_no_worker_lived_go_on(world):
    await world.join("w1", "a")
    await world.leave("w1")
    world.now += HOUR
    await world.enqueue("a", "x")
    world.now -= HOUR
    await world.join("w2", "a")

    await world.sweep()

    assert ["a:x"] == names(await world.claim("w2"))


async def test_a_delayed_job_keeps_its_time(world):
    await world.join("w1", "a")
    due = world.now + 20 * MINUTE
    await world.enqueue("a", "x", when=f"@{due}")
    await set_back(world)
    assert due == (await world.info("a:x")).due_ms

    world.now = due - 1
    world.renew("w1")
    await world.sweep()
    assert [] == names(await world.claim())
    world.now = due
    assert ["a:x"] == names(await world.claim())


async def test_a_delay_given_after_the_clock_was_set_back_is_kept(world):
    await world.join("w1", "a")
    await world.enqueue("a", "waits")
    await set_back(world)

    await world.enqueue("a", "delayed", when="+60000")
    await world.sweep()

    assert ["a:waits"] == names(await world.claim())
    world.now += MINUTE
    assert ["a:delayed"] == names(await world.claim())


async def test_what_is_due_within_seconds_keeps_its_delay(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when=f"+{UNNOTED_MS}")
    await set_back(world)

    world.now += UNNOTED_MS - 1
    assert [] == names(await world.claim())
    world.now += 1
    assert ["a:x"] == names(await world.claim())


async def test_a_retry_that_had_come_due_goes_on(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await world.end("w1", job, Retried(MINUTE), Record(attempts=1))
    world.now += MINUTE
    await world.sweep()
    await set_back(world)

    assert ["a:x"] == names(await world.claim())


@pytest.mark.parametrize("options", [{}, {"group": "0123456789abcdef"}])
async def test_a_job_that_is_given_back_goes_on(world, options):
    await world.join("w1", "a", **({"group": Group("tenant", 1)} if options else {}))
    job = await world.start("w1", "a", "x", **options)
    await set_back(world)
    await world.end("w1", job, Interrupted(), Record(interrupts=1))

    assert ["a:x"] == names(await world.claim())


@pytest.mark.parametrize(("delay_ms", "wait_ms"), [(0, 0), (MINUTE, MINUTE)])
async def test_a_job_behind_another_goes_on_at_its_end_or_after_its_delay(world, delay_ms, wait_ms):
    await world.join("w1", "a")
    first = await world.start("w1", "a", "first", key="k", replace=True)
    await world.enqueue("a", "second", when=f"+{delay_ms}", key="k", replace=True)
    await set_back(world)
    await world.complete("w1", [first])

    world.now += wait_ms - 1
    assert wait_ms == 0 or [] == names(await world.claim())
    world.now += 1
    assert ["a:second"] == names(await world.claim())


async def test_more_jobs_than_one_sweep_moves_are_moved_once_each(world):
    await world.join("w1", "a")
    ids = [f"x{i:04}" for i in range(2_500)]
    for unique in range(0, len(ids), 500):
        await world.enqueue("a", *ids[unique : unique + 500])
        world.now += 1
    world.now -= HOUR

    assert [True, True, False] == [(await world.sweep()).more for _ in range(3)]

    content = (await world.dump())["queue:a:n"]
    assert sorted(ids, key=content.get) == ids
    assert {world.now + i for i in range(5)} == set(content.values())


async def test_jobs_of_a_group_go_on_whether_they_were_lined_up_or_not(world):
    await world.join("w1", "a", group=Group("tenant", 1))
    await world.enqueue("a", "first", "second", group="0123456789abcdef")
    world.now -= HOUR

    (first,) = (await world.claim()).jobs
    assert (first.unique, first.due_ms) == ("first", world.now)
    await world.sweep()
    assert await world.state("a:second") == "waiting"
    await world.complete("w1", [first])
    assert ["a:second"] == names(await world.claim())


async def test_a_slot_that_a_thread_leaves_is_not_taken_until_the_clock_has_caught_up(world):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x")
    await world.end("w1", job, Interrupted(5 * SECOND), Record(interrupts=1))
    await set_back(world)
    world.now += 6 * SECOND

    assert ["a:x"] == names(await world.claim())


async def test_a_clock_set_ahead_and_back_again_moves_nothing_twice(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")
    await set_back(world, HOUR)
    world.now += 2 * HOUR
    world.renew("w1")
    await world.sweep()
    await world.enqueue("a", "y")
    due = (await world.info("a:x")).due_ms
    await set_back(world, 2 * HOUR)

    assert due == (await world.info("a:x")).due_ms
    assert ["a:x", "a:y"] == names(await world.claim())
