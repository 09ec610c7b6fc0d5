"""``max_waiting``: an enqueue that would make more jobs wait is refused, and nothing of it is kept."""

import asyncio

import pytest

from jobframe.core.errors import QueueFull
from jobframe.core.outcome import Completed, Retried
from jobframe.store.codec import Record
from tests.fleet.workers import until


async def test_the_last_place_can_be_had_and_none_beyond(world):
    await world.join("w1", "a", max_waiting=3)
    await world.enqueue("a", "1", "2", "3")

    with pytest.raises(QueueFull) as full:
        await world.enqueue("a", "4")

    assert ("a", 3) == (full.value.type, full.value.limit)


async def test_a_refused_call_changes_nothing_also_for_other_types(world):
    await world.join("w1", "a", max_waiting=2)
    await world.join("w2", "b")
    await world.enqueue("a", "1")
    before = await world.dump()

    with pytest.raises(QueueFull):
        await world.send(world.job("b", "x"), world.job("a", "2"), world.job("b", "y"), world.job("a", "3"))

    assert before == await world.dump()


async def test_jobs_not_yet_due_count(world):
    await world.join("w1", "a", max_waiting=2)
    await world.enqueue("a", "1", "2", when="+60000")

    with pytest.raises(QueueFull):
        await world.enqueue("a", "3")


async def test_running_jobs_do_not(world):
    await world.join("w1", "a", max_waiting=2)
    await world.enqueue("a", "1", "2")
    await world.claim()

    assert [None, None] == await world.enqueue("a", "3", "4")


async def test_an_equal_job_is_found_in_a_full_queue(world):
    await world.join("w1", "a", max_waiting=2)
    await world.enqueue("a", "1", given=True)
    await world.enqueue("a", "2", key="k")

    assert ["1"] == await world.enqueue("a", "1", given=True)
    assert ["2"] == await world.enqueue("a", "3", key="k")
    with pytest.raises(QueueFull):
        await world.send(world.job("a", "4", key="k"), world.job("a", "5", key="other"))


async def test_equal_jobs_of_one_call_take_one_place(world):
    await world.join("w1", "a", max_waiting=2)
    await world.enqueue("a", "1")

    assert [None, "2"] == await world.send(world.job("a", "2", key="k"), world.job("a", "3", key="k"))


async def test_retries_and_follow_ups_always_find_a_place(world):
    await world.join("w1", "a", max_waiting=1)
    parent = await world.start("w1", "a", "parent")
    await world.enqueue("a", "waits")
    follow_up = world.job("a", "child")
    assert await world.end("w1", parent, Completed(b""), follow_ups=[follow_up])
    (child,) = [job for job in (await world.claim()).jobs if job.unique == "child"]
    await world.enqueue("a", "fills")

    assert await world.end("w1", child, Retried(0), Record(attempts=1))


async def test_of_enqueues_that_go_together_only_those_beyond_the_limit_fail(fleet):
    fleet.configure('[jobs."work.loop"]\nmax_waiting = 5')
    async with fleet.here():
        pass
    answers = await asyncio.gather(
        *[fleet.jobs.enqueue("work.loop") for _ in range(10)],
        *[fleet.jobs.enqueue("work.other") for _ in range(10)],
        return_exceptions=True,
    )

    refused = [answer for answer in answers[:10] if isinstance(answer, QueueFull)]
    assert (5, []) == (len(refused), [answer for answer in answers[10:] if isinstance(answer, Exception)])
    assert (5, 10) == tuple([(await fleet.jobs.counts(name))["waiting"] for name in ("work.loop", "work.other")])


async def test_places_come_back_as_jobs_start(fleet):
    fleet.configure('[jobs."work.loop"]\nmax_waiting = 2')
    async with fleet.here():
        for _ in range(20):
            await until(lambda: _enqueued(fleet), "a place is free")
        counts = await fleet.ended()

    assert 20 == counts["completed"]


async def _enqueued(fleet):
    try:
        return await fleet.jobs.enqueue("work.loop")
    except QueueFull:
        return None
