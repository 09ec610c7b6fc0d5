"""Retries: how long each attempt waits, what is retried at all, what counts as an attempt, and what is kept of each."""

from __future__ import annotations

from contextlib import suppress

import pytest

from jobframe.core import clock
from jobframe.core.backoff import Backoff
from jobframe.core.decide import decide
from jobframe.core.errors import JobFailed
from jobframe.core.job import State
from jobframe.core.outcome import Interrupted
from jobframe.core.policy import Policy
from jobframe.store.codec import MAX_ERRORS_KEPT, Record
from tests.conformance.world import SECOND
from tests.fleet.workers import until

HOUR = 3_600_000
MESSAGE_LIMIT = 500


async def retried(fleet, handle):
    """Wait until a job has failed once and waits for its next attempt; answers what is known of it."""

    async def once():
        return (await handle.status()) is State.DELAYED

    await until(once, "the first attempt has failed")
    return await handle.info()


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff("none", jitter="none"), [0, 0, 0, 0]),
        (Backoff("fixed", 5 * SECOND, jitter="none"), [5, 5, 5, 5]),
        (Backoff("linear", 5 * SECOND, jitter="none"), [5, 10, 15, 20]),
        (Backoff("linear", 5 * SECOND, cap_ms=12 * SECOND, jitter="none"), [5, 10, 12, 12]),
        (Backoff("exponential", 2 * SECOND, jitter="none"), [2, 4, 8, 16]),
        (Backoff("exponential", 2 * SECOND, factor=3.0, cap_ms=40 * SECOND, jitter="none"), [2, 6, 18, 40]),
    ],
    ids=["none", "fixed", "linear", "linear-cap", "exponential", "exponential-factor-cap"],
)
async def test_an_attempt_starts_when_its_wait_is_over_and_not_a_millisecond_before(world, backoff, waits):
    policy = Policy(backoff=backoff, max_retries=9)
    await world.join("w1", "a", backoff=backoff, max_retries=9)
    job = await world.start("w1", "a", "x")

    for attempt, seconds in enumerate(waits, 1):
        outcome = decide(policy, attempt, 0, ValueError(), 0.0)
        assert await world.end("w1", job, outcome, Record(attempts=attempt))
        if seconds:
            world.now += seconds * SECOND - 1
            assert () == tuple((await world.claim()).jobs)
            world.now += 1
        (job,) = (await world.claim()).jobs
        assert attempt == Record.decode(job.record).attempts


@pytest.mark.parametrize(
    ("backoff", "shortest", "longest"),
    [
        ('{ strategy = "fixed", base = "1h", cap = "2h", jitter = "none" }', HOUR, HOUR),
        ('{ strategy = "linear", base = "1h", cap = "2h", jitter = "full" }', 0, HOUR),
        ('{ strategy = "exponential", base = "3h", factor = 4, cap = "1h", jitter = "equal" }', HOUR // 2, HOUR),
    ],
    ids=["none", "full", "equal"],
)
async def test_the_jitter_of_the_file_spreads_the_retries_of_one_moment(fleet, backoff, shortest, longest):
    fleet.configure(f'[jobs."work.loop"]\nmax_retries = 3\nbackoff = {backoff}')
    waits = []
    async with fleet.here():
        for handle in await fleet.jobs.enqueue_many([("work.loop", {"do": "raise"})] * 20):
            info = await retried(fleet, handle)
            waits.append((info.due_ms - info.errors[0].at_ms, info.due_ms - clock.wall_ms()))

    assert all(since_failure >= shortest for since_failure, _ in waits)
    assert all(from_now <= longest for _, from_now in waits)
    if shortest != longest:
        assert max(waits)[0] - min(waits)[0] > HOUR // 20, "twenty rolls of the dice hardly ever lie that close"


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ('retry_on = ["OSError"]', State.DELAYED),
        ('retry_on = ["builtins.ConnectionError"]', State.DELAYED),
        ('retry_on = ["builtins.OSError"]', State.DELAYED),
        ('retry_on = ["ValueError", "acme.OSError"]', State.FAILED),
        ('fail_on = ["builtins.OSError"]', State.FAILED),
        ('fail_on = ["ConnectionError"]', State.FAILED),
        ('fail_on = ["ConnectionResetError"]', State.DELAYED),
        ('retry_on = ["Exception"]\nfail_on = ["OSError"]', State.FAILED),
    ],
)
@pytest.mark.parametrize("type_name", ["work.loop", "work.process"])
async def test_retry_on_and_fail_on_name_the_class_or_a_base_of_it_with_or_without_module(
    fleet, type_name, policy, state
):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 3\nbackoff = {{ strategy = "fixed", base = "1h" }}\n{policy}')
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "flaky", "n": 9})

        async def decided():
            return (await handle.status()) in (State.DELAYED, State.FAILED)

        await until(decided, "the first attempt has ended")
        assert state is await handle.status()


@pytest.mark.parametrize("type_name", ["work.loop", "work.process"])
async def test_a_timeout_is_an_attempt_like_any_other_and_may_be_named(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 1\nbackoff = "none"\nretry_on = ["asyncio.TimeoutError"]')
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "hold", "text": "end"}, timeout="50ms")
        with pytest.raises(JobFailed, match="exhausted: 2 of 2 attempts failed, the last with TimeoutError"):
            await handle.result(timeout=30)
        info = await handle.info()

    assert (2, 0, 0) == (info.attempts, info.crashes, info.interrupts)
    assert ["TimeoutError"] * 2 == [error.error for error in info.errors]
    assert all(error.run_ms >= 50 for error in info.errors), "the history says how long each attempt ran"


@pytest.mark.parametrize("type_name", ["work.loop", "work.process"])
async def test_an_interrupt_uses_no_attempt_and_leaves_no_error(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 0')
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "hold", "text": "later"})

        async def runs():
            return (await handle.status()) is State.ACTIVE and fleet.ledger.lines("start")

        await until(runs, "its handler has started")
    info = await handle.info()

    assert (State.WAITING, 0, 1, ()) == (info.state, info.attempts, info.interrupts, info.errors)
    fleet.ledger.open_gate("later")
    async with fleet.here():
        assert await handle.result(timeout=30) == "later"


async def test_a_crash_uses_no_attempt_and_keeps_the_other_counts(world):
    await world.join("w1", "a", max_retries=0)
    await world.join("w2", "a", max_retries=0)
    job = await world.start("w1", "a", "x")
    assert await world.end("w1", job, Interrupted(), Record(interrupts=1))
    assert ["x"] == [each.unique for each in (await world.claim("w1")).jobs]
    await world.bury("w1")
    (again,) = (await world.claim("w2")).jobs

    record = Record.decode(again.record)
    assert (0, 1, 1) == (record.attempts, record.crashes, record.interrupts)


async def test_the_history_of_a_job_is_scrubbed_bounded_and_says_when_where_and_how_long(fleet):
    tries = MAX_ERRORS_KEPT + 3
    fleet.configure(f'[jobs."work.loop"]\nmax_retries = {tries - 1}\nbackoff = "none"')
    before = clock.wall_ms()
    async with fleet.here() as runtime:
        handle = await fleet.jobs.enqueue("work.loop", {"do": "raise", "text": "s3cret" * 1_000})
        with suppress(JobFailed):
            await handle.result(timeout=30)
        info = await handle.info()
        worker = runtime.worker_id

    assert (tries, MAX_ERRORS_KEPT) == (info.attempts, len(info.errors))
    assert list(range(4, tries + 1)) == [error.attempt for error in info.errors]
    assert {("RuntimeError", worker)} == {(error.error, error.worker) for error in info.errors}
    assert all(before <= error.at_ms <= clock.wall_ms() and error.run_ms >= 0 for error in info.errors)
    assert all(len(error.message) <= MESSAGE_LIMIT for error in info.errors)
    assert "s3cret" not in repr(info)
