"""The doctor: every trouble is made by deleting keys by hand, found, named, and mended."""

import pytest

from jobframe.core.job import NewJob, State
from jobframe.core.unique import Unique
from jobframe.store import inspect
from jobframe.store.doctor import examine
from jobframe.store.purge import purge


async def examined(world, *, repair=True):
    """Examine, and once more after a repair: then nothing may be left."""
    found = await examine(world.store, repair=repair)
    if repair:
        assert {} == (await examine(world.store)).troubles
    return found.troubles


async def state(world, job_id):
    return (await inspect.info(world.store, job_id)).state


@pytest.fixture
async def one_of_each(world):
    """Sound jobs in every state, with keys and chosen ids among them."""
    for each in ("completed", "failed", "cancelled", "parked"):
        await world.jobs.enqueue_many([NewJob("doc.embed", id=each, key=each), NewJob("doc.other")])
        await world.end(each, 2)
    await world.jobs.enqueue("doc.embed", key="active", priority="high")
    await world.claim()
    await world.jobs.enqueue("doc.embed", delay="1h", key="delayed", priority="low")
    await world.jobs.enqueue("doc.embed", key="waiting")


async def test_a_sound_store_has_no_trouble_and_a_repair_changes_nothing(world, one_of_each):
    before = await inspect.snapshot(world.store)

    found = await examine(world.store, repair=True)

    assert {} == found.troubles
    assert found.looked_at > 0
    assert before == await inspect.snapshot(world.store)


async def test_an_active_job_that_no_worker_holds_is_run_again_as_after_a_crash(world):
    await world.announce(concurrency=1)
    job_id = (await world.jobs.enqueue("doc.embed", key="k")).id
    await world.claim()
    await world.store.redis.delete(world.store.keys.held("w1"))

    assert {"unheld": [job_id]} == await examined(world, repair=False)
    assert State.ACTIVE == await state(world, job_id)
    assert {"unheld": [job_id]} == await examined(world)
    assert 1 == (await inspect.info(world.store, job_id)).crashes
    assert not (await world.jobs.enqueue("doc.embed", key="k")).created
    (again,) = await world.claim()
    assert job_id == f"{again.type}:{again.unique}"


async def test_a_held_job_that_is_not_listed_as_active_counts_again(world):
    await world.announce(concurrency=1)
    job_id = (await world.jobs.enqueue("doc.embed")).id
    await world.claim()
    await world.store.redis.delete(world.store.keys.active("doc.embed"))

    assert {"unlisted": [job_id]} == await examined(world, repair=False)
    assert {"unlisted": [job_id]} == await examined(world)
    assert State.ACTIVE == await state(world, job_id)


@pytest.mark.parametrize("options", [{}, {"delay": "1h"}, {"priority": "low"}, {"priority": "high"}])
async def test_a_queued_job_whose_payload_is_gone_ends_as_failed(world, options):
    job_id = (await world.jobs.enqueue("doc.embed", key="k", **options)).id
    await world.store.redis.delete(world.store.keys.payload("doc.embed"))

    assert {"lost": [job_id]} == await examined(world, repair=False)
    assert {"lost": [job_id], "locked": [job_id]} == await examined(world)
    info = await inspect.info(world.store, job_id)
    assert (State.FAILED, "lost: its payload is gone from the store") == (info.state, info.reason)
    assert (await world.jobs.enqueue("doc.embed", key="k")).created


async def test_who_waits_for_a_lost_job_learns_that_it_failed(world, wait_for_waiter):
    handle = await world.jobs.enqueue("doc.embed")
    result = await wait_for_waiter(handle)
    await world.store.redis.delete(world.store.keys.payload("doc.embed"))

    await examined(world)

    with pytest.raises(Exception, match="lost: its payload is gone"):
        await result


@pytest.mark.parametrize(("priority", "level"), [(None, "n"), ("high", "h"), ("low", "l")])
async def test_a_job_in_no_state_is_queued_again_in_its_place(world, priority, level):
    job_id = (await world.jobs.enqueue("doc.embed", priority=priority, key="k")).id
    keys = world.store.keys
    await world.store.redis.delete(keys.queue("doc.embed", level), keys.prefix + "keys:doc.embed")
    await world.announce()  # what the queues held is forgotten with them

    assert {"stray": [job_id]} == await examined(world)
    assert not (await world.jobs.enqueue("doc.embed", key="k")).created
    (again,) = await world.claim()
    assert job_id == f"{again.type}:{again.unique}"


async def test_a_payload_of_damaged_bytes_is_queued_for_a_worker_to_park(world):
    await world.store.redis.hset(world.store.keys.payload("doc.embed"), "broken", b"\x00rubbish")

    assert {"stray": ["doc.embed:broken"]} == await examined(world)
    (taken,) = await world.claim()
    assert b"\x00rubbish" == taken.payload


async def test_the_key_of_an_ended_job_is_freed(world):
    job_id = (await world.jobs.enqueue("doc.embed")).id
    await world.end("failed")
    await world.store.redis.hset(world.store.keys.prefix + "keys:doc.embed", "k", job_id.partition(":")[2])

    assert {"locked": [job_id]} == await examined(world, repair=False)
    assert not (await world.jobs.enqueue("doc.embed", key="k")).created
    assert {"locked": [job_id]} == await examined(world)
    assert (await world.jobs.enqueue("doc.embed", key="k")).created


async def test_troubles_of_many_jobs_are_found_in_steps(world):
    handles = await world.jobs.enqueue_many([NewJob("doc.embed") for _ in range(1_000)])
    await world.claim(60)
    await world.store.redis.delete(world.store.keys.held("w1"), world.store.keys.queue("doc.embed"))

    found = await examined(world)

    assert {handle.id for handle in handles} == {*found["unheld"], *found["stray"]}
    assert 60 == len(found["unheld"])
    assert 1_000 == await purge(world.store, None, State.WAITING)


async def test_a_worker_that_left_the_fleet_holds_nothing(world):
    job_id = (await world.jobs.enqueue("doc.embed")).id
    await world.claim()
    await world.store.redis.zrem(world.store.keys.workers, "w1")

    assert {"unheld": [job_id]} == await examined(world)


@pytest.mark.parametrize("part", ["record", "reason", "result", "steps", "progress"])
async def test_what_is_left_of_a_job_that_is_gone_is_dropped(world, one_of_each, part):
    key = f"{world.store.keys.prefix}{part}:doc.embed"
    kept = await world.store.redis.hgetall(key)
    await world.store.redis.hset(key, "gone", "x")

    assert {"leftover": ["doc.embed:gone"]} == await examined(world, repair=False)
    assert {"leftover": ["doc.embed:gone"]} == await examined(world)
    assert kept == await world.store.redis.hgetall(key)


async def test_a_job_that_waits_for_the_end_of_one_that_is_gone_starts(world):
    await world.announce(unique=Unique((), mode="replace"))
    first = (await world.jobs.enqueue("doc.embed")).id
    await world.claim()
    behind = (await world.jobs.enqueue("doc.embed")).id
    keys, unique = world.store.keys, first.partition(":")[2]
    await world.store.redis.hdel(keys.payload("doc.embed"), unique)
    await world.store.redis.zrem(keys.active("doc.embed"), unique)
    await world.store.redis.delete(keys.held("w1"))

    assert {"behind": [behind]} == await examined(world, repair=False)
    assert {"behind": [behind]} == await examined(world)
    (started,) = await world.claim()
    assert behind == f"{started.type}:{started.unique}"
