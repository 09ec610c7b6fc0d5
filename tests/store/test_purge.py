"""Purge and trim: what is removed, what is not, and what else must go or change with it."""

import pytest

from jobframe.client.jobs import Jobs
from jobframe.core.errors import JobNotFound
from jobframe.core.job import NewJob, State
from jobframe.store import inspect
from jobframe.store.purge import count, purge, trim

MINUTE = 60_000


async def ended(world, state, *, type="doc.embed", n=1, **options):
    """Make *n* jobs and end them in *state*."""
    handles = await world.jobs.enqueue_many([NewJob(type, **options) for _ in range(n)])
    await world.end(state, n)
    return [handle.id for handle in handles]


async def ids_in(world, state):
    return sorted(info.id for info in (await inspect.jobs(world.store, state=state)).jobs)


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "parked"])
async def test_ended_and_parked_jobs_are_removed_with_all_that_is_kept_of_them(world, state):
    (job_id,) = await ended(world, state)

    assert 1 == await purge(world.store, "doc.embed", State(state))
    with pytest.raises(JobNotFound):
        await inspect.info(world.store, job_id)
    assert await world.leftovers("doc.embed") == []


@pytest.mark.parametrize(("state", "delay"), [("waiting", None), ("delayed", "1h")])
async def test_queued_jobs_are_removed_and_free_their_keys(world, state, delay):
    await world.jobs.enqueue("doc.embed", key="k", delay=delay)

    assert 1 == await purge(world.store, "doc.embed", State(state))
    assert (await world.jobs.enqueue("doc.embed", key="k")).created


async def test_a_parked_job_frees_its_key_too(world):
    await ended(world, "parked", key="k")

    await purge(world.store, "doc.embed", State.PARKED)

    assert (await world.jobs.enqueue("doc.embed", key="k")).created


async def test_only_the_state_and_the_type_asked_for_are_touched(world):
    (failed,) = await ended(world, "failed")
    await ended(world, "failed", type="doc.other")
    (cancelled,) = await ended(world, "cancelled")
    waiting = (await world.jobs.enqueue("doc.embed")).id

    assert 1 == await purge(world.store, "doc.other", State.FAILED)
    assert [failed] == await ids_in(world, State.FAILED)
    assert 1 == await purge(world.store, None, State.FAILED)
    assert ([], [cancelled], [waiting]) == (
        await ids_in(world, State.FAILED),
        await ids_in(world, State.CANCELLED),
        await ids_in(world, State.WAITING),
    )


async def test_age_counts_from_the_end(world):
    (old,) = await ended(world, "failed")
    world.pass_ms(10 * MINUTE)
    (young,) = await ended(world, "failed")
    world.pass_ms(5 * MINUTE)

    assert 1 == await count(world.store, None, State.FAILED, 15 * MINUTE)
    assert 1 == await purge(world.store, None, State.FAILED, 15 * MINUTE)
    assert [young] == await ids_in(world, State.FAILED)
    assert old != young


async def test_age_of_a_delayed_job_is_none_for_it_has_not_come_due(world):
    await world.jobs.enqueue("doc.embed", delay="1h")

    assert 0 == await purge(world.store, None, State.DELAYED, 1)
    assert 1 == await purge(world.store, None, State.DELAYED)


async def test_a_completed_job_with_a_chosen_id_answers_a_resend_for_ten_minutes_whoever_purges(world):
    (job_id,) = await ended(world, "completed", id="mine")

    assert 0 == await purge(world.store, None, State.COMPLETED)
    assert not (await world.jobs.enqueue("doc.embed", id="mine")).created
    world.pass_ms(10 * MINUTE)
    assert 1 == await purge(world.store, None, State.COMPLETED)
    assert job_id == "doc.embed:mine"


async def test_more_than_one_batch_is_removed(world):
    await world.jobs.enqueue_many([NewJob("doc.embed", priority=each) for each in ("high", "normal", "low") * 400])

    assert 1200 == await count(world.store, None, State.WAITING)
    assert 1200 == await purge(world.store, None, State.WAITING)
    assert [] == await world.leftovers("doc.embed")


async def test_large_payloads_end_a_batch_and_not_the_purge(world):
    await world.jobs.enqueue_many([NewJob("doc.embed", {"document_id": "x" * 200_000}) for _ in range(12)])

    assert 12 == await purge(world.store, None, State.WAITING)


async def test_who_waits_for_a_purged_job_learns_that_it_is_gone(world, wait_for_waiter):
    handle = await world.jobs.enqueue("doc.embed")
    result = await wait_for_waiter(handle)

    await purge(world.store, None, State.WAITING)

    with pytest.raises(JobNotFound):
        await result


async def test_active_jobs_are_never_purged(world):
    with pytest.raises(ValueError, match="cancel them"):
        await purge(world.store, None, State.ACTIVE)


async def test_the_verb_reads_durations_and_names(world):
    await ended(world, "failed")
    world.pass_ms(MINUTE)
    jobs = Jobs(world.store)

    assert 0 == await jobs.purge("doc.embed", state="failed", older_than="2m")
    assert 1 == await jobs.purge(state="failed", older_than="1m")


async def test_trim_removes_at_once_what_the_policy_keeps_no_longer(world):
    await ended(world, "completed", n=40)
    await ended(world, "failed", n=3)
    await ended(world, "cancelled", n=2)
    await world.announce(keep_completed=10, keep_result_ms=20 * MINUTE, keep_failed_ms=30 * MINUTE)

    assert 30 == await trim(world.store)
    world.pass_ms(20 * MINUTE)
    assert 12 == await trim(world.store)
    world.pass_ms(10 * MINUTE)
    assert 3 == await trim(world.store)
    assert 0 == await trim(world.store)
