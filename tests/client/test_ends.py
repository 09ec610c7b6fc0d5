"""Waiting for a job's end, whatever happens to the message about it."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from jobframe.client import ends
from jobframe.core.errors import JobCancelled, JobFailed, JobNotFound, StoreUnavailable, Timeout
from jobframe.core.outcome import Cancelled, Completed, Failed, Retried, Snoozed
from tests.fleet.workers import until

DONE = Completed(b'{"pages":[1,2]}')
AT_ONCE_S = 4.0
"""Less than the look now and then: what comes sooner came with the message."""


async def at_once(handle, timeout=None):  # noqa: ASYNC109 - that of the wait in question
    """Wait for the result, but not so long that it may have been found without its message."""
    return await asyncio.wait_for(handle.result(timeout), AT_ONCE_S)


async def finish(world, outcome):
    """Claim the one job that is due and end its attempt."""
    (claimed,) = (await world.claim()).jobs
    assert await world.end("w1", claimed, outcome)


async def waiters(world, count=1):
    """Wait until the store knows of that many clients that wait for any job."""

    async def known():
        return sum(len(each.split(b",")) for each in await world.store.redis.hvals(f"{world.store.keys.prefix}waiters"))

    await until(lambda: at_least(known, count), f"{count} wait")


async def at_least(known, count):
    return await known() >= count


@pytest.mark.parametrize(
    ("outcome", "result"),
    [(DONE, {"pages": [1, 2]}), (Completed(), None), (Completed(b"null"), None), (Completed(b"0"), 0)],
)
async def test_a_result_is_there_after_the_end(world, outcome, result):
    handle = await world.jobs.enqueue("book.close")
    await finish(world, outcome)

    assert result == await handle.result()


async def test_a_result_is_told_when_the_job_ends(world):
    handle = await world.jobs.enqueue("book.close")
    waiting = asyncio.create_task(at_once(handle))
    await waiters(world)
    await finish(world, DONE)

    assert {"pages": [1, 2]} == await waiting


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("outcome", "error", "text"),
    [
        (Failed("no use"), JobFailed, "failed: no use"),
        (Cancelled("no use"), JobCancelled, "was cancelled: no use"),
        (Cancelled(), JobCancelled, "was cancelled"),
    ],
)
async def test_another_end_is_raised_with_its_reason(world, before, outcome, error, text):
    handle = await world.jobs.enqueue("book.close")
    if before:
        await finish(world, outcome)
    waiting = asyncio.create_task(at_once(handle))
    if not before:
        await waiters(world)
        await finish(world, outcome)

    with pytest.raises(error) as ended:
        await waiting
    assert f"job {handle.id} {text}" == str(ended.value)
    assert (handle.id, outcome.reason) == (ended.value.id, ended.value.reason)


async def test_a_job_that_is_cancelled_while_it_waits_ends_the_wait(world):
    handle = await world.jobs.enqueue("book.close")
    waiting = asyncio.create_task(at_once(handle))
    await waiters(world)

    assert "cancelled" == await handle.cancel("no use")
    with pytest.raises(JobCancelled, match="no use"):
        await waiting


async def test_a_job_that_never_was_is_not_waited_for(world):
    handle = await world.jobs.enqueue("book.close")
    await world.jobs.purge("book.close", state="waiting")

    with pytest.raises(JobNotFound):
        await at_once(handle)


@pytest.mark.parametrize("outcome", [Retried(0), Snoozed(0)])
async def test_a_wait_outlasts_attempts_that_are_not_the_last(world, outcome):
    handle = await world.jobs.enqueue("book.close")
    waiting = asyncio.create_task(at_once(handle))
    await waiters(world)

    await finish(world, outcome)
    assert not waiting.done()
    await finish(world, DONE)

    assert {"pages": [1, 2]} == await waiting


async def test_after_an_operators_retry_the_new_end_counts(world):
    handle = await world.jobs.enqueue("book.close")
    await finish(world, Failed("no use"))
    with pytest.raises(JobFailed):
        await handle.result()

    await world.jobs.retry(handle.id)
    waiting = asyncio.create_task(at_once(handle))
    await waiters(world)
    await finish(world, DONE)

    assert {"pages": [1, 2]} == await waiting


@pytest.mark.parametrize("limit", [0, 0.05, "50ms", dt.timedelta(milliseconds=50)])
async def test_a_wait_ends_when_its_time_is_up_and_the_job_goes_on(world, limit):
    handle = await world.jobs.enqueue("book.close")

    with pytest.raises(Timeout) as ended:
        await handle.result(timeout=limit)

    assert (handle.id, 0.05 if limit else 0) == (ended.value.id, ended.value.waited_s)
    await finish(world, DONE)
    assert {"pages": [1, 2]} == await handle.result(timeout=0)


async def test_a_timeout_that_is_no_duration_is_refused(world):
    handle = await world.jobs.enqueue("book.close")

    with pytest.raises(ValueError, match="expected a duration"):
        await handle.result(timeout="soon")


async def test_many_wait_for_one_job_and_one_for_many(world):
    handles = await world.jobs.enqueue_many([("book.close",)] * 20)
    waiting = [asyncio.create_task(at_once(handle)) for handle in handles * 3]
    await waiters(world, 20)

    await world.complete("w1", (await world.claim()).jobs)

    assert [None] * 60 == await asyncio.gather(*waiting)


async def test_who_gives_up_does_not_silence_the_others(world):
    handle = await world.jobs.enqueue("book.close")
    patient = [asyncio.create_task(at_once(handle)) for _ in range(2)]
    with pytest.raises(Timeout):
        await handle.result(timeout=0.05)

    await finish(world, DONE)

    assert [{"pages": [1, 2]}] * 2 == await asyncio.gather(*patient)
    assert {} == world.jobs.ends._waiting


async def test_clients_wait_independently_of_each_other(world, far_jobs):
    handle = await world.jobs.enqueue("book.close", id="x")
    waiting = [asyncio.create_task(at_once(each)) for each in (handle, await far_jobs.job("book.close:x"))]
    await waiters(world, 2)

    for claimed in (await world.claim()).jobs:
        await world.end("w1", claimed, DONE)

    assert [{"pages": [1, 2]}] * 2 == await asyncio.gather(*waiting)


async def test_an_end_whose_message_was_lost_is_found_by_looking(world, monkeypatch):
    monkeypatch.setattr(ends, "_LOOK_EVERY_S", 0.1)
    handle = await world.jobs.enqueue("book.close")
    waiting = asyncio.create_task(at_once(handle, timeout=20))
    await waiters(world)
    await world.store.redis.delete(f"{world.store.keys.prefix}waiters")  # as if it had been told, and nobody heard
    await finish(world, DONE)

    assert {"pages": [1, 2]} == await waiting


async def test_a_message_before_the_end_makes_it_look_once(world, calls):
    handle = await world.jobs.enqueue("book.close")
    waiting = asyncio.create_task(at_once(handle))
    await waiters(world)
    before = calls()
    channel = world.store.keys.ended_channel(world.jobs.ends._client)
    await world.store.redis.publish(channel, f"book.close\t{handle.id.removeprefix('book.close:')}")
    await until(lambda: calls() > before, "it looks")
    await asyncio.sleep(0.1)  # time for many looks

    assert 1 == calls() - before
    await finish(world, DONE)
    assert {"pages": [1, 2]} == await waiting


async def test_a_message_about_another_job_is_for_nobody(world, calls):
    handle = await world.jobs.enqueue("book.close")
    waiting = asyncio.create_task(at_once(handle))
    await waiters(world)
    await world.store.redis.publish(world.store.keys.ended_channel(world.jobs.ends._client), "book.close\tother")

    await finish(world, DONE)
    assert {"pages": [1, 2]} == await waiting


async def test_a_subscription_that_was_cut_is_made_again(world, far_jobs, proxy, monkeypatch):
    handle = await far_jobs.enqueue("book.read")
    monkeypatch.setattr(ends, "_LOOK_EVERY_S", 100)
    waiting = asyncio.create_task(at_once(handle, timeout=20))
    await waiters(world)
    before = await subscriptions(world)
    proxy.cut()
    await until(lambda: subscriptions(world, before), "it is subscribed again")

    for claimed in (await world.claim()).jobs:
        await world.end("w1", claimed, DONE)

    assert {"pages": [1, 2]} == await waiting


async def subscriptions(world, before=frozenset()):
    """Which connections subscribe, without those *before*."""
    return {client["id"] for client in await world.store.redis.client_list(_type="pubsub")} - before


async def test_a_server_that_is_away_for_a_while_is_waited_for(world, far_jobs, proxy, monkeypatch):
    monkeypatch.setattr(ends, "_LOOK_EVERY_S", 0.05)
    handle = await far_jobs.enqueue("book.read")
    waiting = asyncio.create_task(at_once(handle, timeout=20))
    await waiters(world)
    await proxy.refuse()
    await asyncio.sleep(0.2)  # so that it looks in vain, however often
    assert not waiting.done()
    for claimed in (await world.claim()).jobs:
        await world.end("w1", claimed, DONE)
    await proxy.accept()

    assert {"pages": [1, 2]} == await waiting


async def test_a_server_that_stays_away_is_an_error_when_the_time_is_up(far_jobs, proxy):
    handle = await far_jobs.enqueue("book.read")
    await proxy.refuse()

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(handle.result(timeout=0.2), AT_ONCE_S)


async def test_without_a_limit_a_server_that_is_away_is_an_error(far_jobs, proxy, monkeypatch):
    monkeypatch.setattr(ends, "_LOOK_EVERY_S", 0.1)
    handle = await far_jobs.enqueue("book.read")
    await proxy.refuse()

    with pytest.raises(StoreUnavailable):
        await handle.result()


async def test_closing_without_having_waited_is_nothing(world):
    await world.jobs.ends.aclose()
    await world.jobs.ends.aclose()
