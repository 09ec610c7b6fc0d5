"""Claim: what is due, in its order, no more than there is room for, and the same answer to the same number."""

import pytest

from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Parked, Retried, Snoozed
from jobframe.store.codec import Record
from tests.conformance.world import HOUR, SECOND, START_MS, names


async def test_jobs_start_in_the_order_they_came_due(world):
    await world.join("w1", "a")
    for unique, ago in (("second", 20), ("third", 10), ("first", 30), ("fourth", 0)):
        await world.enqueue("a", unique, when=f"@{world.now - ago}")

    assert ["a:first", "a:second", "a:third", "a:fourth"] == names(await world.claim())


async def test_a_claim_tells_what_there_is_to_know_of_a_job(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", given=True, body=b'{"n":1}')
    assert (job.type, job.unique, job.started_ms, job.due_ms, job.record) == ("a", "x", world.now, world.now, b"")
    assert job.payload == b'%d;g\n{"body":{"n":1}}' % world.now

    record = Record(attempts=1)
    await world.end("w1", job, Retried(500), record)
    world.now += SECOND
    (again,) = (await world.claim()).jobs

    assert (again.due_ms, again.started_ms, again.record) == (world.now - 500, world.now, record.encode())
    assert again.fence > job.fence


async def test_a_claim_takes_no_more_than_there_is_room_for(world):
    await world.join("w1", "a", "b")
    await world.send(*(world.job(name) for name in "ab" for _ in range(5)))

    first = await world.claim(room=3)
    assert (len(first.jobs), first.more) == (3, True)
    second = await world.claim(room=100)
    assert (len(second.jobs), second.more) == (7, False)


async def test_a_claim_takes_no_more_of_a_lane_than_there_is_room_in_it(world):
    await world.join("w1", "a", "b")
    await world.join("w2", "b")
    await world.join("w1", "a", "b", joining=False, apply=False)
    await world.send(*(world.job(name) for name in "ab" for _ in range(5)))
    assert len(set(world.lanes.values())) == 2

    answer = await world.claim(room=6, lanes={world.lanes["a"]: 2, world.lanes["b"]: 6})
    assert ["a", "a", "b", "b", "b", "b"] == sorted(job.type for job in answer.jobs)
    assert answer.more


async def test_a_lane_that_is_not_asked_for_is_left_alone(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")

    assert [] == names(await world.claim(lanes={}))
    assert [] == names(await world.claim(lanes={"elsewhere/loop": 5}))


async def test_the_same_number_answers_the_same_jobs(world):
    await world.join("w1", "a", "b")
    await world.send(*(world.job(name, when=f"@{START_MS - 7}", given=True) for name in "ab" for _ in range(3)))
    first = await world.claim(number=4, room=4)
    before = await world.dump()

    again = await world.claim(number=4, room=4)

    assert sorted(names(first)) == sorted(names(again))
    assert {job.fence for job in first.jobs} == {job.fence for job in again.jobs}
    assert {START_MS - 7} == {job.due_ms for job in again.jobs}
    assert before == await world.dump()


async def test_the_same_number_answers_what_was_not_settled_since(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", "y", "z")
    first = await world.claim(number=4)
    await world.complete("w1", first.jobs[:2])

    assert names(first)[2:] == names(await world.claim(number=4))


async def test_the_same_number_answers_no_job_of_another_claim(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", "y")
    await world.claim(room=1, number=4)
    second = await world.claim(room=1, number=5)

    assert names(second) == names(await world.claim(room=1, number=5))


async def test_the_late_echo_of_an_older_claim_takes_nothing(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", "y", "z")
    await world.claim(room=1, number=4)
    await world.claim(room=1, number=5)
    before = await world.dump()

    assert [] == names(await world.claim(room=1, number=4))
    assert before == await world.dump()


async def test_a_worker_that_is_not_registered_gets_nothing(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")

    assert await world.try_claim("stranger") is None


async def test_the_fence_rises_also_when_the_clock_goes_back(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", "y", "z", when="@5")
    fences = []
    for _ in range(3):
        fences += [job.fence for job in (await world.claim(room=1)).jobs]
        world.now -= HOUR

    assert fences == sorted(set(fences))
    assert len(fences) == 3


async def test_a_room_larger_than_one_call_may_fill_is_filled_by_several(world):
    await world.join("w1", "a")
    for _ in range(24):
        await world.send(*(world.job("a") for _ in range(250)))
    claimed: list[str] = []
    while len(claimed) < 6000:
        answer = await world.claim(room=10_000, quantum=10_000)
        claimed += names(answer)
        assert answer.jobs
        assert answer.more == (len(claimed) < 6000)

    assert len(set(claimed)) == 6000


async def test_the_same_number_answers_a_large_claim_too(world):
    await world.join("w1", "a", "b")
    for _ in range(10):
        await world.send(*(world.job(name) for name in "ab" for _ in range(125)))
    answer = await world.claim(room=2500, number=4)

    assert len(answer.jobs) > 1900
    assert sorted(names(answer)) == sorted(names(await world.claim(room=2500, number=4)))


async def test_a_claim_ends_after_about_a_mebibyte_of_payloads(world):
    await world.join("w1", "a", "b", "c", "d")
    body = b'"%s"' % (b"x" * 50_000)
    await world.send(*(world.job(name, body=body) for name in "abcd" for _ in range(20)))

    answer = await world.claim(room=80)

    assert 20 <= len(answer.jobs) < 80
    assert answer.more


async def test_concurrency_is_exact_over_all_workers(world):
    await world.join("w1", "a", concurrency=3)
    await world.join("w2", "a", concurrency=3)
    await world.send(*(world.job("a") for _ in range(10)))

    first = await world.claim("w1", 2)
    second = await world.claim("w2", 5)
    assert (2, 1) == (len(first.jobs), len(second.jobs))
    assert [] == names(await world.claim("w1"))

    await world.complete("w1", first.jobs[:1])
    assert len((await world.claim("w2")).jobs) == 1
    assert {"active": 3, "waiting": 6, "completed": 1} == await world.counts()


@pytest.mark.parametrize(
    "outcome",
    [
        Completed(),
        Failed("why"),
        Cancelled("why"),
        Parked("why"),
        Retried(HOUR),
        Snoozed(HOUR),
        Crashed(),
    ],
)
async def test_a_slot_freed_in_any_way_lets_the_next_job_start(world, outcome):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x")
    world.now += 1
    await world.enqueue("a", "y")
    assert [] == names(await world.claim())
    await world.woken()

    await world.end("w1", job, outcome)

    assert await world.woken()
    assert ["a:x" if outcome == Crashed() else "a:y"] == names(await world.claim())


async def test_a_limit_lowered_below_what_runs_waits_until_enough_has_ended(world):
    await world.join("w1", "a", concurrency=3)
    await world.send(*(world.job("a") for _ in range(6)))
    running = (await world.claim()).jobs
    await world.join("w1", "a", concurrency=1)
    world.lowered.add("a")

    await world.complete("w1", running[:2])
    assert [] == names(await world.claim())
    await world.complete("w1", running[2:])
    assert len((await world.claim()).jobs) == 1


@pytest.mark.parametrize("limit", [4, None])
async def test_a_limit_raised_or_dropped_lets_more_start_at_once(world, limit):
    await world.join("w1", "a", concurrency=1)
    await world.send(*(world.job("a") for _ in range(4)))
    await world.claim()
    await world.woken()

    await world.join("w1", "a", concurrency=limit)

    assert await world.woken()
    assert len((await world.claim()).jobs) == 3


async def test_an_expired_job_never_starts(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", expires_ms=500)
    await world.enqueue("a", "y", expires_ms=501)
    world.now += 500

    assert ["a:y"] == names(await world.claim())
    info = await world.info("a:x")
    assert (info.state.value, info.reason) == ("failed", "expired")
    assert {"failed": 1, "expired": 1, "active": 1} == await world.counts()


async def test_a_jobs_own_expiry_is_stronger_than_its_types(world):
    await world.join("w1", "a", expires_ms=1000)
    await world.enqueue("a", "types")
    await world.enqueue("a", "own", expires_ms=5000)
    world.now += 1000

    assert ["a:own"] == names(await world.claim())
    assert (await world.info("a:types")).reason == "expired"


async def test_a_claim_gets_past_a_heap_of_expired_jobs(world):
    await world.join("w1", "a", "b")
    for _ in range(4):
        await world.send(*(world.job("a", expires_ms=5) for _ in range(250)))
    world.now += 5
    await world.enqueue("a", "x")
    fruitless = 0
    while (answer := await world.claim(room=1, quantum=1)).more:
        fruitless += 1

    assert ["a:x"] == names(answer)
    assert fruitless < 5
    assert await world.counter("a", "expired") == 1000


async def test_a_job_whose_payload_is_gone_fails_and_holds_up_nobody(world):
    await world.join("w1", "a", concurrency=2)
    await world.enqueue("a", "x", "y")
    await world.store.redis.hdel(world.store.keys.payload("a"), "x")

    assert ["a:y"] == names(await world.claim())
    assert (await world.info("a:x")).reason == "lost: its payload is gone from the store"


async def test_a_paused_type_starts_nothing_and_holds_up_nobody(world):
    await world.join("w1", "a", "b")
    await world.send(*(world.job(name, when=when) for name in "ab" for when in ("", "+5")))
    await world.pause("a")
    world.now += 5

    assert {"b"} == {job.type for job in (await world.claim()).jobs}
