"""``rate_limit``: how often jobs of a type start, exact over all workers."""

import pytest

from jobframe.core.rate import Rate, parse_rate
from tests.conformance.world import DAY, HOUR, SECOND

TEN_A_SECOND = Rate(10, 1_000)


async def starts(world, until_ms, *workers, step_ms=10):
    """Claim by turns until then; returns when each job started."""
    found = []
    while world.now < until_ms:
        for worker in workers:
            found += [world.now] * len((await world.claim(worker)).jobs)
        world.now += step_ms
    return found


def fullest(started, period_ms):
    """The most starts in any window of that length."""
    return max(sum(first <= other < first + period_ms for other in started) for first in started)


@pytest.mark.parametrize("text", ["10/s", "100/s", "300/m"])
async def test_no_second_or_minute_sees_more_starts_than_the_rate(world, text):
    rate = parse_rate(text)
    await world.join("w1", "a", rate_limit=rate)
    await world.join("w2", "a", rate_limit=rate)
    await world.enqueue("a", *(f"j{n}" for n in range(150)))

    started = await starts(world, world.now + min(2 * rate.period_ms, 3 * SECOND), "w1", "w2")

    assert fullest(started, rate.period_ms) <= rate.count
    assert (
        len(started) >= 0.85 * rate.count * (min(2 * rate.period_ms, 3 * SECOND) / rate.period_ms)
        or len(started) == 150
    )


async def test_a_worker_looks_again_when_the_next_job_may_start(world):
    await world.join("w1", "a", rate_limit=TEN_A_SECOND)
    await world.enqueue("a", "x", "y", "z")

    first = await world.claim()
    assert (1, False, 100) == (len(first.jobs), first.more, first.watch_ms)
    assert [] == (await world.claim()).jobs
    world.now += 99
    assert [] == (await world.claim()).jobs
    world.now += 1
    assert ["y"] == [job.unique for job in (await world.claim()).jobs]


@pytest.mark.parametrize("text", ["1/d", "10/d", "1/h", "7/m"])
async def test_a_slow_rate_starts_nothing_a_millisecond_early(world, text):
    rate = parse_rate(text)
    await world.join("w1", "a", rate_limit=rate)
    await world.enqueue("a", "x")
    await world.claim()
    opens_ms = -(-rate.interval_us // 1_000)
    world.now += opens_ms - 1
    await world.enqueue("a", "y")

    assert [] == (await world.claim()).jobs
    world.now += 1
    assert ["y"] == [job.unique for job in (await world.claim()).jobs]


async def test_what_waited_long_saves_up_no_more_than_a_burst(world):
    await world.join("w1", "a", rate_limit=Rate(100, 1_000))
    await world.enqueue("a", *(f"j{n}" for n in range(50)))
    await world.claim()
    world.now += HOUR

    assert 5 == len((await world.claim()).jobs)


async def test_a_job_that_had_expired_costs_nothing(world):
    await world.join("w1", "a", rate_limit=TEN_A_SECOND)
    await world.enqueue("a", "late", expires_ms=1_000)
    world.now += 2 * SECOND
    await world.enqueue("a", "good")

    claimed = [job.unique for _ in range(2) for job in (await world.claim()).jobs]

    assert ["good"] == claimed


async def test_a_time_that_another_clock_wrote_is_cut_to_one_burst(world):
    await world.join("w1", "a", rate_limit=TEN_A_SECOND)
    await world.enqueue("a", "x", "y")
    world.now += DAY
    await world.claim()
    world.now -= DAY  # a failover to an older clock
    await world.sweep()

    started = await starts(world, world.now + SECOND, "w1")

    assert 1 == len(started)


async def test_a_new_rate_holds_at_the_next_claim(world):
    await world.join("w1", "a", rate_limit=Rate(1, 3_600_000))
    await world.enqueue("a", "x", "y")
    assert 1 == len((await world.claim()).jobs)
    assert [] == (await world.claim()).jobs

    await world.join("w1", "a", rate_limit=None, edited_ms=world.now + 1)

    assert 1 == len((await world.claim()).jobs)


async def test_types_without_a_rate_do_not_wait_for_one_that_has(world):
    await world.join("w1", "slow", rate_limit=TEN_A_SECOND)
    await world.join("w2", "fast")
    await world.join("w1", "slow", joining=False, apply=False)
    await world.enqueue("slow", *(f"s{n}" for n in range(20)))
    await world.enqueue("fast", *(f"f{n}" for n in range(20)))

    claimed = [job.type for job in (await world.claim("w2")).jobs]

    assert (20, 1) == (claimed.count("fast"), claimed.count("slow"))


async def test_two_real_workers_keep_it_together(fleet):
    fleet.configure('[jobs."work.loop"]\nrate_limit = "20/s"')
    await fleet.start(2)
    await fleet.enqueue(40)
    counts = await fleet.ended()

    times = sorted(run.start for run in fleet.ledger.runs("work.loop"))
    slack_ns = 250_000_000  # from the claim to the handler's first line, on a busy machine
    assert 40 == counts["completed"]
    assert all(times[n + 20] - times[n] >= 1_000_000_000 - slack_ns for n in range(20))
