"""Concurrent enqueues go together, survive lost answers and changed policies, and fail alone."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from jobframe.client import coalescer
from jobframe.core.errors import PayloadError, RestrictedField, StoreFull, StoreUnavailable, UnknownJobType
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Completed
from jobframe.store import enqueue as store_enqueue
from tests.client.conftest import Page, close, read, read_sealed
from tests.fleet.workers import until

KIB = 1024


@attrs.frozen
class Numbered:
    number: int = 0


async def read_numbered(ctx, page: Numbered): ...


def concurrently(jobs, count, type="book.close", **options):
    return asyncio.gather(*[jobs.enqueue(type, **options) for _ in range(count)])


async def blocked(far_jobs, proxy):
    """Begin an enqueue whose answer is held back: what comes now waits for it and goes together."""
    proxy.hold()
    first = asyncio.create_task(far_jobs.enqueue("book.close"))
    await proxy.held()
    return first


async def gathered(tasks, far_jobs):
    """Start *tasks* and return once all of them wait for the call that is in flight."""
    started = [asyncio.ensure_future(task) for task in tasks]
    await until(lambda: len(far_jobs._coalescer._pending) >= len(started), "all wait")
    return started


async def test_50_concurrent_enqueues_go_in_few_calls(world, calls):
    await world.jobs.enqueue("book.close")
    before = calls()

    handles = await concurrently(world.jobs, 50)

    assert 50 == len({handle.id for handle in handles})
    assert calls() - before <= 2
    assert 51 == (await world.jobs.counts())["waiting"]


async def test_what_comes_while_a_call_is_in_flight_goes_in_the_next(far_jobs, proxy, world, calls):
    first = await blocked(far_jobs, proxy)
    before = calls()
    others = await gathered([far_jobs.enqueue("book.read", Page(n)) for n in range(50)], far_jobs)
    proxy.release()

    handles = await asyncio.gather(first, *others)

    assert 1 == calls() - before
    assert 51 == len({handle.id for handle in handles})
    assert all(handle.created for handle in handles)


async def test_each_caller_gets_the_answer_to_its_own_job(far_jobs, proxy):
    first = await blocked(far_jobs, proxy)
    others = await gathered([far_jobs.enqueue("book.close", id=f"x{n % 3}") for n in range(9)], far_jobs)
    proxy.release()

    handles = await asyncio.gather(*others)
    await first

    assert [f"book.close:x{n % 3}" for n in range(9)] == [handle.id for handle in handles]
    assert [True] * 3 + [False] * 6 == [handle.created for handle in handles]


async def test_a_caller_that_gave_up_leaves_the_others_their_answers(far_jobs, proxy):
    first = await blocked(far_jobs, proxy)
    one, other = await gathered([far_jobs.enqueue("book.close", id="one"), far_jobs.enqueue("book.close")], far_jobs)
    one.cancel()
    proxy.release()

    assert (await other).created
    await first
    assert "waiting" == await (await far_jobs.job("book.close:one")).status()


async def test_a_caller_that_gave_up_leaves_the_others_their_error(far_jobs, proxy, world):
    first = await blocked(far_jobs, proxy)
    one, other = await gathered([far_jobs.enqueue("book.close"), far_jobs.enqueue("book.close")], far_jobs)
    one.cancel()
    await world.store.redis.config_set("maxmemory", "1")
    proxy.release()
    try:
        with pytest.raises(StoreFull):
            await other
    finally:
        await world.store.redis.config_set("maxmemory", "0")
    await first


async def test_closing_waits_for_what_is_being_sent(far_jobs, proxy, world):
    first = await blocked(far_jobs, proxy)
    (other,) = await gathered([far_jobs.enqueue("book.close")], far_jobs)
    closing = asyncio.create_task(far_jobs.aclose())
    proxy.release()

    await closing

    assert first.done()
    assert (await other).created


async def test_a_batch_has_at_most_256_jobs(far_jobs, proxy, calls):
    first = await blocked(far_jobs, proxy)
    before = calls()
    others = await gathered([far_jobs.enqueue("book.close") for _ in range(257)], far_jobs)
    proxy.release()
    await asyncio.gather(first, *others)

    assert 2 == calls() - before


async def test_a_batch_has_at_most_1_mib(far_jobs, proxy, calls):
    page = Page(note="x" * 200 * KIB)
    first = await blocked(far_jobs, proxy)
    before = calls()
    others = await gathered([far_jobs.enqueue("book.read", page) for _ in range(11)], far_jobs)
    proxy.release()
    await asyncio.gather(first, *others)

    assert 3 == calls() - before


async def test_enqueue_many_goes_in_batches_and_keeps_its_order(world, calls):
    await world.jobs.enqueue("book.close")
    before = calls()
    small = [NewJob("book.close", id=f"{n}") for n in range(600)]
    large = [("book.read", Page(n, "x" * 200 * KIB)) for n in range(6)]

    handles = await world.jobs.enqueue_many(iter([*small, *large]))

    assert 4 == calls() - before
    assert [f"book.close:{n}" for n in range(600)] == [handle.id for handle in handles[:600]]
    bodies = await world.bodies("book.read")
    read_in_order = [bodies[handle.id.removeprefix("book.read:")] for handle in handles[600:]]
    assert list(range(6)) == [json.loads(body)["body"]["number"] for body in read_in_order]


async def test_enqueue_many_of_nothing_sends_nothing(world, calls):
    before = calls()

    assert [] == await world.jobs.enqueue_many([])
    assert before == calls()


async def test_enqueue_many_checks_all_before_it_sends_any(world):
    items = [*[("book.close",)] * 300, ("book.read", {"numbre": 1})]

    with pytest.raises(PayloadError) as refused:
        await world.jobs.enqueue_many(items)

    assert [] == list(refused.value.accepted)
    assert 0 == (await world.jobs.counts())["waiting"]


async def test_a_refusal_half_way_names_what_was_accepted(world, monkeypatch):
    items = [NewJob("book.close", id=f"{n}") for n in range(600)]
    send = world.jobs._coalescer.send

    async def send_until_the_memory_is_full(jobs, encoded):
        answers = await send(jobs, encoded)
        await world.store.redis.config_set("maxmemory", "1")
        return answers

    monkeypatch.setattr(world.jobs._coalescer, "send", send_until_the_memory_is_full)
    try:
        with pytest.raises(StoreFull) as refused:
            await world.jobs.enqueue_many(items)
    finally:
        await world.store.redis.config_set("maxmemory", "0")

    assert [f"book.close:{n}" for n in range(256)] == [handle.id for handle in refused.value.accepted]
    assert 256 == (await world.jobs.counts())["waiting"]


async def test_a_full_store_refuses_every_caller_with_an_error_of_its_own(world):
    await world.jobs.enqueue("book.close")
    await world.store.redis.config_set("maxmemory", "1")
    try:
        answers = await asyncio.gather(
            *[world.jobs.enqueue_many([("book.close",)] * 3) for _ in range(2)], return_exceptions=True
        )
    finally:
        await world.store.redis.config_set("maxmemory", "0")

    assert [StoreFull, StoreFull] == [type(answer) for answer in answers]
    assert answers[0] is not answers[1]
    assert 1 == (await world.jobs.counts())["waiting"]
    assert (await world.jobs.enqueue("book.close")).created


async def test_after_a_new_policy_a_job_is_encoded_again_under_its_id(world):
    await world.jobs.enqueue("book.read")
    await world.announce(JobType("book.read", 2, read, {}), max_retries=9)

    handle = await world.jobs.enqueue("book.read", Page(7), key="k", priority="high")

    bodies = await world.bodies("book.read")
    body = bodies[handle.id.removeprefix("book.read:")]
    assert body.startswith(b";p4;kk\n")
    assert b'"version":2' in body


async def test_the_result_of_a_job_that_was_encoded_again_is_found_by_its_handle(world):
    await world.jobs.enqueue("book.close", delay="1h")
    await world.announce(JobType("book.close", 1, close, {}), max_retries=9)

    handle = await world.jobs.enqueue("book.close")
    (claimed,) = (await world.claim()).jobs
    await world.end("w1", claimed, Completed(b'"done"'))

    assert "done" == await handle.result(timeout=10)


async def test_of_a_batch_only_what_a_new_policy_refuses_fails(far_jobs, proxy, world):
    await far_jobs.enqueue("book.read")
    first = await blocked(far_jobs, proxy)
    others = await gathered(
        [
            far_jobs.enqueue("book.read", {"number": 1}, id="kept"),
            far_jobs.enqueue("book.read", {"note": "gone"}, id="refused"),
            far_jobs.enqueue_many([("book.close",), ("book.read", {"note": "gone"})]),
            far_jobs.enqueue("book.close", id="other"),
        ],
        far_jobs,
    )
    await world.announce(JobType("book.read", 1, read_numbered, {}))
    proxy.release()

    kept, refused, many, other = await asyncio.gather(*others, return_exceptions=True)
    await first

    assert kept.created
    assert other.created
    assert ["payload of 'book.read': unknown field 'note': known are number"] * 2 == [str(refused), str(many)]
    assert 2 == len(await world.bodies("book.read"))
    assert 3 == len(await world.bodies("book.close"))


async def test_a_batch_of_which_nothing_is_left_sends_nothing(far_jobs, proxy, world, calls):
    await far_jobs.enqueue("book.read")
    first = await blocked(far_jobs, proxy)
    (other,) = await gathered([far_jobs.enqueue("book.read", {"note": "gone"})], far_jobs)
    await world.announce(JobType("book.read", 1, read_sealed, {}))
    before = calls()
    proxy.release()

    with pytest.raises(RestrictedField):
        await other
    await first
    assert 1 == calls() - before


async def test_a_type_that_was_removed_meanwhile_is_unknown(world):
    await world.jobs.enqueue("book.read")
    await world.store.redis.hdel(world.store.keys.types, "book.read")
    await world.store.redis.hdel(world.store.keys.limits, "book.read")

    with pytest.raises(UnknownJobType):
        await world.jobs.enqueue("book.read")


async def test_policies_that_never_stay_the_same_end_in_an_error_and_enqueue_nothing(world, monkeypatch):
    await world.jobs.enqueue("book.close", id="x")
    numbers = iter(range(100))
    send = store_enqueue.enqueue

    async def announce_before_every_call(*args):
        await world.announce(JobType("book.close", 1, close, {}), max_retries=next(numbers))
        return await send(*args)

    monkeypatch.setattr(coalescer, "enqueue", announce_before_every_call)

    with pytest.raises(StoreUnavailable, match="the policies of these job types keep changing") as refused:
        await world.jobs.enqueue("book.close")
    assert refused.value.acknowledged is False
    assert 1 == (await world.jobs.counts())["waiting"]


async def test_a_call_whose_answer_was_lost_is_sent_again_and_enqueues_nothing_twice(far_jobs, proxy, world):
    proxy.lose_answers(3)

    handles = await asyncio.gather(*[far_jobs.enqueue("book.read", Page(n)) for n in range(20)])

    assert 3 == proxy.lost
    assert all(handle.created for handle in handles)
    assert {handle.id.removeprefix("book.read:") for handle in handles} == set(await world.bodies("book.read"))


async def test_a_job_that_was_done_and_forgotten_before_its_answer_arrived_is_not_run_again(far_jobs, proxy, world):
    await world.announce(JobType("book.read", 1, read, {}), keep_result_ms=0, keep_completed=0)
    await far_jobs.enqueue("book.read", delay="1h")
    proxy.hold()
    enqueueing = asyncio.create_task(far_jobs.enqueue("book.read", key="k"))
    await proxy.held()
    claimed = [job for job in (await world.claim()).jobs if job.type == "book.read"]
    assert [True] == await world.complete("w1", claimed)
    proxy.cut()
    proxy.release()

    assert (await enqueueing).created
    counts = await world.jobs.counts("book.read")
    assert (0, 1) == (counts["waiting"], counts["completed"])


async def test_a_job_found_in_its_place_is_found_again_after_a_lost_answer(far_jobs, proxy):
    await far_jobs.enqueue("book.close", key="k", id="holder")
    proxy.lose_answers(1)

    handle = await far_jobs.enqueue("book.close", key="k")

    assert ("book.close:holder", False) == (handle.id, handle.created)


async def test_a_request_that_never_arrived_is_sent_again(far_jobs, proxy, world):
    proxy.lose_requests(2)

    handle = await far_jobs.enqueue("book.read")

    assert 2 == proxy.lost
    assert [handle.id.removeprefix("book.read:")] == [*await world.bodies("book.read")]


async def test_every_batch_of_many_survives_a_lost_answer(far_jobs, proxy, world):
    proxy.lose_answers(4)

    handles = await far_jobs.enqueue_many([("book.read", Page(n)) for n in range(600)])

    assert 4 == proxy.lost
    assert {handle.id.removeprefix("book.read:") for handle in handles} == set(await world.bodies("book.read"))


async def gone(far_jobs, proxy):
    """Close the client's idle connection, then refuse others."""
    await far_jobs.store.redis.connection_pool.disconnect()
    await proxy.refuse()


async def test_a_server_that_cannot_be_reached_at_the_first_try_is_an_error_at_once(far_jobs, proxy, world):
    await gone(far_jobs, proxy)

    with pytest.raises(StoreUnavailable, match="cannot reach the server") as refused:
        await far_jobs.enqueue("book.close")

    assert refused.value.acknowledged is False
    assert 1 == (await world.jobs.counts())["waiting"]  # the one before


async def test_after_an_error_the_client_works_again(far_jobs, proxy):
    await gone(far_jobs, proxy)
    with pytest.raises(StoreUnavailable):
        await far_jobs.enqueue("book.close")
    await proxy.accept()

    assert (await far_jobs.enqueue("book.close")).created


async def test_a_server_that_is_away_after_a_lost_answer_is_waited_for(far_jobs, proxy, world):
    first = await blocked(far_jobs, proxy)
    await proxy.refuse()
    proxy.release()
    await asyncio.sleep(0.1)  # so that it is tried in vain, however often
    await proxy.accept()

    handle = await first

    assert handle.created
    assert {"before", handle.id.removeprefix("book.close:")} == set(await world.bodies("book.close"))


async def test_a_lost_answer_that_never_comes_leaves_it_open_whether_the_job_is_there(far_jobs, proxy, monkeypatch):
    monkeypatch.setattr(coalescer, "_RESEND_FOR_S", 0.2)
    first = await blocked(far_jobs, proxy)
    await proxy.refuse()
    proxy.release()

    with pytest.raises(StoreUnavailable) as refused:
        await first
    assert refused.value.acknowledged is None


async def refusals(world, before=0):
    """How many commands the server has refused because its memory is full, since *before*."""
    stats = await world.store.redis.info("errorstats")
    return stats.get("errorstat_OOM", {"count": 0})["count"] - before


async def test_a_server_that_is_full_after_a_lost_answer_is_not_taken_for_a_refusal(far_jobs, proxy, world):
    first = await blocked(far_jobs, proxy)
    await world.store.redis.config_set("maxmemory", "1")
    refused = await refusals(world)
    proxy.cut()
    proxy.release()
    try:
        await until(lambda: refusals(world, refused), "it is sent again and refused")
        assert not first.done()
    finally:
        await world.store.redis.config_set("maxmemory", "0")

    assert (await first).created
    assert 2 == (await world.jobs.counts())["waiting"]


async def test_a_server_that_stays_full_after_a_lost_answer_leaves_it_open(far_jobs, proxy, world, monkeypatch):
    monkeypatch.setattr(coalescer, "_RESEND_FOR_S", 1.0)
    first = await blocked(far_jobs, proxy)
    await world.store.redis.config_set("maxmemory", "1")
    proxy.cut()
    proxy.release()
    try:
        with pytest.raises(StoreUnavailable, match="out of memory: the jobs may be there") as refused:
            await first
    finally:
        await world.store.redis.config_set("maxmemory", "0")
    assert refused.value.acknowledged is None
