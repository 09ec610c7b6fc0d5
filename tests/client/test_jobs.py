"""The operator's verbs."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from jobframe.core.errors import JobframeError, JobNotFound, PayloadError, RestrictedField, UnknownJobType
from jobframe.core.job import JobInfo, State
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Completed, Failed, Parked
from jobframe.core.who import who
from tests.client.conftest import close, read, read_sealed


async def finish(world, outcome):
    (claimed,) = (await world.claim(room=1)).jobs
    assert await world.end("w1", claimed, outcome)
    return f"{claimed.type}:{claimed.unique}"


async def test_a_handle_tells_state_and_facts_of_its_job(world):
    handle = await world.jobs.enqueue("book.close", id="x", delay="5s")

    assert (True, "book.close:x", "<Handle book.close:x>") == (handle.created, handle.id, repr(handle))
    assert await handle.status() is State.DELAYED
    expected = JobInfo(
        id="book.close:x",
        type="book.close",
        state=State.DELAYED,
        enqueued_ms=world.now,
        due_ms=world.now + 5_000,
    )
    assert expected == await handle.info()


async def test_a_handle_is_found_by_its_id(world):
    await world.jobs.enqueue("book.close", id="x")

    handle = await world.jobs.job("book.close:x")

    assert ("book.close:x", False) == (handle.id, handle.created)


@pytest.mark.parametrize("verb", ["job", "cancel", "retry"])
async def test_a_job_that_is_not_there_is_an_error_that_names_it(world, verb):
    with pytest.raises(JobNotFound) as missing:
        await getattr(world.jobs, verb)("book.close:nobody")

    assert "book.close:nobody" == missing.value.id


@pytest.mark.parametrize("verb", ["job", "cancel", "retry"])
async def test_what_is_no_id_is_refused(world, verb):
    with pytest.raises(ValueError, match="is not of the form <type>:<unique part>"):
        await getattr(world.jobs, verb)("nobody")


async def test_an_id_that_was_purged_is_gone_for_its_handle(world):
    handle = await world.jobs.enqueue("book.close")
    assert 1 == await world.jobs.purge(state="waiting")

    with pytest.raises(JobNotFound):
        await handle.status()


async def test_jobs_are_listed_by_type_and_state_page_by_page(world):
    expected = [f"book.close:{n}" for n in range(5)]
    for n in range(5):
        world.now += 1
        await world.jobs.enqueue("book.close", id=f"{n}")
    await world.jobs.enqueue("book.read")
    await world.jobs.enqueue("book.close", delay="1h")

    first = await world.jobs.jobs("book.close", "waiting", limit=3)
    second = await world.jobs.jobs("book.close", "waiting", first.cursor, limit=3)

    assert expected == [job.id for job in (*first.jobs, *second.jobs)]
    assert second.cursor is None
    assert 7 == len((await world.jobs.jobs()).jobs)
    with pytest.raises(ValueError, match="lost"):
        await world.jobs.jobs(state="lost")


async def test_counts_are_of_one_type_or_all(world):
    await world.jobs.enqueue_many([("book.close",), ("book.close",), ("book.read",)])

    by_type = JobType("book.close", 1, close, {})
    counts = [(await world.jobs.counts(one))["waiting"] for one in (None, "book.close", by_type, "book.read")]

    assert [3, 2, 2, 1] == counts
    now = {"active", "waiting", "failed", "delayed", "parked"}
    ever = {"completed", "cancelled", "retried", "crashed", "interrupted", "expired"}
    assert now | ever == set(await world.jobs.counts())


async def test_cancel_answers_what_became_of_the_job(world):
    waiting = await world.jobs.enqueue("book.close", id="waiting")
    await world.jobs.enqueue("book.read", id="done")
    await world.jobs.pause("book.close")
    done = await finish(world, Completed())
    await world.jobs.resume("book.close")

    assert [State.CANCELLED, State.COMPLETED] == [await waiting.cancel("no use"), await world.jobs.cancel(done)]
    assert "no use" == (await waiting.info()).reason

    running = await world.jobs.enqueue("book.read", id="running")
    await world.claim()
    assert await running.cancel() is State.ACTIVE


@pytest.mark.parametrize("outcome", [Failed("no use"), Parked("too new")])
async def test_retry_queues_a_failed_or_parked_job_again(world, outcome):
    handle = await world.jobs.enqueue("book.close")
    await finish(world, outcome)

    await world.jobs.retry(handle.id)

    assert await handle.status() is State.WAITING


async def test_retry_of_a_cancelled_job_queues_it_again(world):
    handle = await world.jobs.enqueue("book.close")
    await handle.cancel()

    await world.jobs.retry(handle.id)

    assert await handle.status() is State.WAITING


async def test_retry_of_a_job_that_has_not_failed_is_refused_with_its_state(world):
    handle = await world.jobs.enqueue("book.close")

    with pytest.raises(JobframeError, match=f"job {handle.id} is waiting: only failed, cancelled and parked jobs"):
        await world.jobs.retry(handle.id)


async def test_retry_is_refused_while_another_job_holds_the_key(world):
    first = await world.jobs.enqueue("book.close", key="k")
    await first.cancel()
    second = await world.jobs.enqueue("book.close", key="k")

    with pytest.raises(JobframeError, match=f"{first.id} cannot be retried: {second.id} holds the same key"):
        await world.jobs.retry(first.id)


async def test_a_paused_type_starts_nothing_until_it_is_resumed(world):
    await world.jobs.pause("book.close")
    await world.jobs.enqueue("book.close")

    paused = (await world.store.read_hash(world.store.keys.paused))["book.close"]
    assert who() == msgspec.json.decode(paused)["by"]
    assert [] == (await world.claim()).jobs

    await world.jobs.resume(JobType("book.close", 1, close, {}))

    assert 1 == len((await world.claim()).jobs)


@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_a_type_that_nobody_announced_cannot_be_paused(world, verb):
    with pytest.raises(UnknownJobType, match=r"unknown job type 'book\.raed': did you mean 'book\.read'\?"):
        await getattr(world.jobs, verb)("book.raed")


@pytest.mark.parametrize("type", [None, "book.close", JobType("book.close", 1, close, {})])
async def test_purge_removes_what_is_old_enough(world, type):
    old = await world.jobs.enqueue("book.close", id="old")
    await finish(world, Failed("no use"))
    world.now += 3_600_000
    await world.jobs.enqueue("book.close", id="new")
    await finish(world, Failed("no use"))

    assert 1 == await world.jobs.purge(type, state="failed", older_than=dt.timedelta(minutes=30))
    with pytest.raises(JobNotFound):
        await old.info()
    assert 1 == await world.jobs.purge(type, state="failed", older_than="0s")
    assert 0 == await world.jobs.purge(type, state="failed")


@pytest.mark.parametrize("state", ["active", "lost"])
async def test_purge_refuses_states_that_cannot_be_removed(world, state):
    with pytest.raises(ValueError, match=state):
        await world.jobs.purge(state=state)


async def test_an_unknown_type_is_refused_with_the_nearest_announced(world):
    with pytest.raises(UnknownJobType, match=r"did you mean 'book\.read'\?"):
        await world.jobs.enqueue("book.raed")
    with pytest.raises(UnknownJobType, match=r"did you mean 'book\.read'\?"):
        await world.jobs.enqueue_many([("book.close",), ("book.raed",)])
    assert 0 == (await world.jobs.counts())["waiting"]


async def test_a_type_that_was_unknown_is_known_once_it_is_announced(world):
    with pytest.raises(UnknownJobType):
        await world.jobs.enqueue("book.open")
    await world.announce(JobType("book.open", 1, close, {}))

    assert (await world.jobs.enqueue("book.open")).created
    assert (await world.jobs.enqueue_many([("book.open",)]))[0].created


@pytest.mark.parametrize("before", [close, read_sealed])
async def test_a_payload_that_was_refused_is_taken_once_a_worker_has_announced_that_it_fits(world, before):
    await world.announce(JobType("book.read", 1, before, {}))
    with pytest.raises((PayloadError, RestrictedField)):
        await world.jobs.enqueue("book.read", {"number": 1})
    await world.announce(JobType("book.read", 2, read, {}))

    assert (await world.jobs.enqueue("book.read", {"number": 1})).created
    assert (await world.jobs.enqueue_many([("book.read", {"number": 1})]))[0].created
