"""Renew, sweep and leave: a dead worker's jobs come back soon, a living one's never, and nobody's twice."""

import pytest

from jobframe.core.group import Group
from jobframe.core.outcome import Completed
from jobframe.store.codec import Record
from tests.conformance.world import HOUR, LEASE_MS, MINUTE, SECOND, names

PERIOD_MS = LEASE_MS // 3
PROMISE_MS = 16 * SECOND


async def until_taken_over(world, last_renewal, offset):
    """Let w2 renew each period, and sweep when it is told to, until w1's jobs are back; tell how long that took."""
    world.now = last_renewal + offset
    while not (await world.claim("w2")).jobs:
        world.now += PERIOD_MS
        assert world.now <= last_renewal + 2 * PROMISE_MS
        if world.renew("w2").sweep:
            await world.sweep()
    return world.now - last_renewal


@pytest.mark.parametrize("offset", [0, 1, 1000, 1999, 2000, 2001, 3000, 3999])
async def test_a_dead_workers_jobs_are_back_within_sixteen_seconds_and_never_while_its_lease_holds(world, offset):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.start("w1", "a", "x")
    world.renew("w1")

    assert LEASE_MS < await until_taken_over(world, world.now, offset) <= PROMISE_MS


async def test_a_worker_that_renews_keeps_its_jobs(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    for _ in range(20):
        world.now += PERIOD_MS
        assert world.renew("w1").held == 1
        await world.sweep()

    assert await world.end("w1", job, Completed())


async def test_a_renewal_after_a_suspicion_saves_the_jobs_even_when_the_lease_had_ended(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    world.now += LEASE_MS + 1
    await world.sweep()
    world.now += PERIOD_MS - 1
    await world.sweep()

    world.renew("w1")

    for ms in (LEASE_MS // 2, 1):
        world.now += ms
        await world.sweep()
    assert await world.end("w1", job, Completed())


async def test_a_sweeper_that_was_itself_late_takes_nothing(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    world.now += HOUR
    await world.sweep()
    world.now += HOUR

    assert (await world.sweep(may_take=False)).jobs == 0
    assert {"active": 1} == await world.counts()
    assert (await world.sweep()).jobs == 1


async def test_one_look_is_never_enough_to_take_over(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    world.now += HOUR

    assert (await world.sweep()).jobs == 0


async def test_a_sweep_is_idempotent(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.start("w1", "a", "x")
    await world.bury("w1")
    before = await world.dump()

    swept = await world.sweep()

    assert (0, 0, False) == (swept.jobs, swept.workers, swept.more)
    assert before == await world.dump()


async def test_a_worker_taken_over_is_gone_for_good(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await world.bury("w1")

    assert world.try_renew("w1") is None
    assert await world.try_claim("w1") is None
    assert {} == await world.join("w1", "a", joining=False, apply=False)
    assert not await world.end("w1", job, Completed())
    assert await world.leave("w1") == 0
    assert "w1" not in (await world.dump()).get("workers", {})


async def test_a_crash_uses_no_attempt_and_keeps_the_jobs_place(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when="+5")
    world.now += 5
    (job,) = (await world.claim()).jobs
    world.now += SECOND
    await world.enqueue("a", "y")
    await world.bury("w1")
    await world.join("w2", "a")

    first, second = (await world.claim("w2")).jobs
    assert (first.unique, first.due_ms, second.unique) == ("x", job.due_ms, "y")
    record = Record.decode(first.record)
    assert (record.attempts, record.crashes, record.interrupts) == (0, 1, 0)
    assert await world.counter("a", "crashed") == 1


@pytest.mark.parametrize("options", [{}, {"group": "0123456789abcdef"}])
async def test_jobs_of_a_dead_worker_are_due_at_once_though_the_clock_was_set_back(world, options):
    policy = {"group": Group("tenant", 1)} if options else {}
    await world.join("w1", "a", **policy)
    await world.enqueue("a", "x", **options)
    assert ["x"] == [job.unique for job in (await world.claim("w1")).jobs]
    world.now -= HOUR
    await world.bury("w1")
    await world.join("w2", "a", **policy)

    assert ["x"] == [job.unique for job in (await world.claim("w2")).jobs]


async def test_a_crash_keeps_the_history(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    history = b'2,0,4,1|[{"attempt":1,"at_ms":1,"worker":"w","run_ms":1,"error":"E"}]'
    await world.store.redis.hset(world.store.keys.record("a"), "x", history)
    await world.bury("w1")

    info = await world.info("a:x")
    assert (info.attempts, info.crashes, info.interrupts, info.snoozes, len(info.errors)) == (2, 1, 4, 1, 1)


async def test_the_tenth_crash_makes_a_job_a_dead_letter(world):
    await world.enqueue("a", "x")
    for worker in (f"w{n}" for n in range(1, 11)):
        await world.join(worker, "a", concurrency=1)
        assert ["a:x"] == names(await world.claim(worker))
        await world.bury(worker)

    info = await world.info("a:x")
    assert (info.state.value, info.reason) == ("failed", "poison: its worker died 10 times while it ran")
    await world.join("w11", "a", concurrency=1)
    await world.enqueue("a", "y")
    assert ["a:y"] == names(await world.claim("w11"))


async def test_a_cancel_asked_for_before_the_worker_died_is_obeyed(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x", key="k")
    await world.cancel("a:x", "enough")
    await world.bury("w1")

    info = await world.info("a:x")
    assert (info.state.value, info.reason, info.crashes) == ("cancelled", "enough", 1)


async def test_a_slot_of_a_dead_worker_is_free_again(world):
    await world.join("w1", "a", concurrency=1)
    await world.join("w2", "a", concurrency=1)
    await world.start("w1", "a", "x")
    await world.enqueue("a", "y")
    await world.woken()

    await world.bury("w1")

    assert await world.woken()
    assert ["a:x"] == names(await world.claim("w2"))


async def hold(world, worker, count):
    """Let *worker* hold that many jobs; *count* is a multiple of 250."""
    for _ in range(count // 250):
        await world.send(*(world.job("a") for _ in range(250)))
    held = 0
    while held < count:
        held += len((await world.claim(worker, count - held)).jobs)


async def test_who_held_many_jobs_is_emptied_in_several_sweeps_and_cannot_come_back_in_between(world):
    await world.join("w1", "a")
    await hold(world, "w1", 2500)
    world.now += LEASE_MS + 1
    await world.sweep()
    world.now += PERIOD_MS

    swept = await world.sweep()
    assert (1000, 0, True) == (swept.jobs, swept.workers, swept.more)
    assert world.try_renew("w1") is None
    assert await world.try_claim("w1") is None
    assert {} == await world.join("w1", "a", joining=False, apply=False)

    swept = await world.sweep(may_take=False)
    assert (1000, 0, True) == (swept.jobs, swept.workers, swept.more)
    swept = await world.sweep()
    assert (500, 1, False) == (swept.jobs, swept.workers, swept.more)
    assert {"waiting": 2500, "crashed": 2500} == await world.counts()


async def test_a_worker_that_leaves_while_it_is_taken_over_gives_back_the_rest(world):
    await world.join("w1", "a")
    await hold(world, "w1", 1250)
    world.now += LEASE_MS + 1
    await world.sweep()
    world.now += PERIOD_MS
    await world.sweep()

    assert await world.leave("w1") == 250
    assert {"waiting": 1250, "crashed": 1000, "interrupted": 250} == await world.counts()
    assert not (await world.sweep()).more


async def test_a_lease_from_a_clock_that_ran_ahead_counts_as_ended(world):
    world.now += HOUR
    await world.join("w1", "a")
    await world.start("w1", "a", "x", when="@5")
    world.now -= HOUR
    await world.join("w2", "a")

    assert await until_taken_over(world, world.now, 0) <= PROMISE_MS


async def test_a_suspicion_from_a_clock_that_ran_ahead_delays_no_take_over(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x", when="@5")
    world.now += LEASE_MS
    await world.sweep()
    world.now -= HOUR
    await world.join("w2", "a")

    assert await until_taken_over(world, world.now, 0) <= PROMISE_MS


async def test_many_workers_that_die_together_are_taken_over_together(world):
    workers = [f"v{i:02}" for i in range(60)]
    for worker in workers:
        await world.join(worker, "a")
        await world.start(worker, "a", f"of-{worker}", when="@5")
    world.now += LEASE_MS + 1
    await world.sweep()
    world.now += PERIOD_MS

    swept = await world.sweep()

    assert (60, 60, False) == (swept.jobs, swept.workers, swept.more)


async def test_a_sweep_puts_back_what_a_lost_index_left_out(world):
    await world.join("w1", "a", "b")
    await world.enqueue("a", "x")
    await world.enqueue("b", "y", when="+5")
    lane = world.lanes["a"]
    await world.store.redis.delete(*(f"{world.store.keys.prefix}{index}:{lane}" for index in ("ready", "due", "wake")))

    await world.sweep()

    assert await world.woken()
    world.now += 5
    assert ["a:x", "b:y"] == names(await world.claim())


async def test_a_worker_that_renews_by_a_clock_set_back_keeps_its_jobs(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    world.now -= HOUR
    for _ in range(8):
        world.renew("w1")
        await world.sweep()
        world.now += PERIOD_MS

    assert {"active": 1} == await world.counts()


async def test_a_worker_with_a_longer_lease_is_judged_by_its_own(world):
    await world.join("w1", "a", lease_ms=10 * LEASE_MS)
    await world.join("w2", "a")
    await world.start("w1", "a", "x")
    for _ in range(8):
        world.now += PERIOD_MS
        world.renew("w2")
        await world.sweep()
    assert {"active": 1} == await world.counts()

    for _ in range(30):
        world.now += PERIOD_MS
        world.renew("w2")
        await world.sweep()
    assert {"waiting": 1, "crashed": 1} == await world.counts()


async def test_a_renewal_tells_what_the_worker_must_know(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    job = await world.start("w1", "a", "y")
    await world.sweep()
    await world.cancel("a:y", "why\tnot ☃")

    told = world.renew("w1")
    assert (told.held, told.sweep) == (2, False)
    assert {"a\ty": (job.fence, "why\tnot ☃")} == told.cancels

    await world.join("w2", "a", max_retries=9)
    assert world.renew("w1").policy > told.policy


async def test_somebody_is_asked_to_keep_house_once_a_period(world):
    await world.join("w1", "a")
    assert world.renew("w1").sweep
    await world.sweep()
    assert not world.renew("w1").sweep
    world.now += PERIOD_MS
    assert world.renew("w1").sweep


async def test_house_is_kept_also_when_the_last_time_was_by_a_clock_that_ran_ahead(world):
    await world.join("w1", "a")
    world.now += HOUR
    await world.sweep()
    world.now -= HOUR
    world.renew("w1")
    assert world.renew("w1").sweep

    await world.sweep()

    assert not world.renew("w1").sweep


async def test_a_leaving_worker_gives_back_what_it_holds_without_using_attempts(world):
    await world.join("w1", "a", concurrency=2)
    await world.join("w2", "a", concurrency=2)
    await world.enqueue("a", "x", "y", "z")
    await world.claim("w1")
    await world.woken()

    assert await world.leave("w1") == 2

    assert await world.woken()
    assert {"waiting": 3, "interrupted": 2} == await world.counts()
    again = (await world.claim("w2")).jobs
    assert ["x", "y"] == sorted(job.unique for job in again)
    records = [Record.decode(job.record) for job in again]
    assert [(0, 0, 1)] * 2 == [(record.attempts, record.crashes, record.interrupts) for record in records]
    assert world.try_renew("w1") is None


async def test_a_cancel_asked_for_before_the_worker_left_is_obeyed(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    await world.cancel("a:x", "enough")
    await world.leave("w1")

    assert await world.state("a:x") == "cancelled"


async def test_a_worker_that_holds_many_jobs_leaves_all_of_them(world):
    await world.join("w1", "a")
    await hold(world, "w1", 2250)

    assert await world.leave("w1") == 2250
    assert {"waiting": 2250, "interrupted": 2250} == await world.counts()


async def test_a_worker_that_leaves_is_kept_nowhere(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x"), Completed())
    world.now += MINUTE
    await world.leave("w1")

    content = await world.dump()
    said_by = {"types", "history:a"}  # who put a policy in force
    assert [] == [key for key in content if "w1" in key or (key not in said_by and "w1" in str(content[key]))]
