"""Settle: an outcome counts once, and only while its worker still holds the job under the same fence."""

import msgspec
import pytest

from jobframe.core.histogram import bucket
from jobframe.core.job import AttemptError
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.store.codec import Record
from tests.conformance.world import DAY, HOUR, MINUTE, SECOND, names

GIVEN_BACK = {"retried": Retried(500), "snoozed": Snoozed(500), "interrupted": Interrupted(500), "crashed": Crashed()}
ENDS = {"failed": Failed("why"), "cancelled": Cancelled("why"), "parked": Parked("why")}
ERROR = AttemptError(1, 5, "w1", 3, "builtins.ValueError", "a 'text' with \"quotes\" and ☃")


async def test_a_completed_job_keeps_its_result_and_drops_its_payload(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", body=b'"secret"')

    assert await world.end("w1", job, Completed(b'{"n": 1}'))

    content = await world.dump()
    assert {"x": '{"n": 1}'} == content["result:a"]
    assert "secret" not in str(content)
    assert {"completed": 1} == await world.counts()


async def test_a_job_without_a_result_keeps_none(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x"), Completed())

    assert "result:a" not in await world.dump()


@pytest.mark.parametrize("counter", GIVEN_BACK)
async def test_a_job_given_back_runs_again_when_it_is_due_with_its_record(world, counter):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", given=True, priority="high", body=b'{"n":1}')
    record = Record(attempts=1, errors=(ERROR,))

    assert await world.end("w1", job, GIVEN_BACK[counter], record)

    if counter != "crashed":
        assert await world.state("a:x") == "delayed"
        world.now += 500
    (again,) = (await world.claim()).jobs
    assert (again.payload, again.record) == (job.payload, record.encode())
    assert record == Record.decode(again.record)
    assert await world.counter("a", counter) == 1


@pytest.mark.parametrize("outcome", [Interrupted(), Crashed()])
async def test_a_job_given_back_at_once_keeps_its_place_in_the_queue(world, outcome):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "first")
    world.now += SECOND
    await world.enqueue("a", "second")

    await world.end("w1", job, outcome)

    assert ["a:first", "a:second"] == names(await world.claim())


@pytest.mark.parametrize("state", ENDS)
async def test_a_job_that_ends_otherwise_keeps_payload_record_and_reason(world, state):
    await world.join("w1", "a")
    record = Record(attempts=4, errors=(ERROR,))

    await world.end("w1", await world.start("w1", "a", "x", body=b'"kept"'), ENDS[state], record)

    info = await world.info("a:x")
    assert (info.state.value, info.reason, info.attempts, info.errors) == (state, "why", 4, (ERROR,))
    assert info.finished_ms == world.now
    assert b"kept" in await world.store.redis.hget(world.store.keys.payload("a"), "x")
    assert await world.counter("a", state) == 1


async def test_failures_are_counted_by_the_day_and_old_days_are_dropped(world):
    await world.join("w1", "a", lease_ms=100 * DAY)
    await world.end("w1", await world.start("w1", "a", "x"), Failed("why"))
    day = world.now // DAY
    assert await world.counter("a", f"failed:{day}") == 1
    for _ in range(10):
        world.now += DAY
        await world.sweep()

    assert await world.counter("a", f"failed:{day}") == 0
    assert await world.counter("a", "failed") == 1


async def test_an_outcome_under_another_fence_changes_nothing(world):
    await world.join("w1", "a", concurrency=5)
    job = await world.start("w1", "a", "x", key="k")
    before = await world.dump()
    for fence in (job.fence - 1, job.fence + 1, job.fence // 10, job.fence * 10):
        for outcome in (Completed(b"1"), *ENDS.values(), *GIVEN_BACK.values()):
            more = {"run_ms": 7, "wait_ms": 7, "follow_ups": [world.job("a")]}
            stale = world.ended(msgspec.structs.replace(job, fence=fence), outcome, Record(attempts=9), **more)
            assert [False] == await world.settle("w1", stale)

    assert before == await world.dump()


@pytest.mark.parametrize("outcome", [Completed(b"1"), *ENDS.values(), *GIVEN_BACK.values()])
async def test_a_job_taken_over_is_out_of_reach_of_its_former_worker(world, outcome):
    await world.join("w1", "a", concurrency=1)
    await world.join("w2", "a", concurrency=1)
    stale = await world.start("w1", "a", "x", key="k")
    await world.bury("w1")
    (job,) = (await world.claim("w2")).jobs
    before = await world.dump()

    for worker in ("w1", "w2", "stranger"):
        more = {"run_ms": 7, "wait_ms": 7, "follow_ups": [world.job("a")]}
        assert not await world.end(worker, stale, outcome, Record(attempts=9), **more)
        assert before == await world.dump()
    assert await world.end("w2", job, Completed())


async def test_outcomes_of_two_workers_and_several_types_do_not_mix(world):
    await world.join("w1", "a", "b")
    await world.join("w2", "a", "b")
    await world.send(*(world.job(name, unique) for name in "ab" for unique in ("x", "y")))
    mine, theirs = (await world.claim("w1", 2)).jobs, (await world.claim("w2", 2)).jobs

    outcomes = [world.ended(job, Completed()) for job in (*mine, *theirs)]
    assert [True, True, False, False] == await world.settle("w1", *outcomes)
    assert {"completed": 2, "active": 2} == await world.counts()


async def test_a_call_sent_again_changes_nothing_and_answers_as_before(world):
    await world.join("w1", "a", "b")
    jobs = [await world.start("w1", "a", f"n{i}", key=f"k{i}") for i in range(4)]
    batch = [
        world.ended(jobs[0], Completed(b"1"), follow_ups=[world.job("b", "child")], wait_ms=5, run_ms=5),
        world.ended(jobs[1], Retried(0), Record(attempts=1)),
        world.ended(jobs[2], Failed("why")),
        world.ended(msgspec.structs.replace(jobs[3], fence=1), Completed()),
    ]
    assert [True, True, True, False] == await world.settle("w1", *batch, number=7)
    before = await world.dump()

    assert [True, True, True, False] == await world.settle("w1", *batch, number=7)
    assert before == await world.dump()


async def test_a_job_named_twice_in_one_call_counts_once(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")

    twice = [Retried(0), Retried(5), Completed()]
    answers = await world.settle("w1", *(world.ended(job, each, follow_ups=[world.job("a")]) for each in twice))

    assert [True, False, False] == answers
    assert {"waiting": 1, "retried": 1} == await world.counts()


async def test_a_call_may_be_large(world):
    await world.join("w1", "a")
    for _ in range(20):
        await world.send(*(world.job("a") for _ in range(250)))
    jobs = []
    while answer := (await world.claim(room=10_000)).jobs:
        jobs += answer
    assert len(jobs) == 5000

    assert [True] * 5000 == await world.complete("w1", jobs)
    assert {"completed": 5000} == await world.counts()


async def test_an_empty_call_is_no_error(world):
    await world.join("w1", "a")

    assert [] == await world.settle("w1")


@pytest.mark.parametrize("outcome", [Completed(), *ENDS.values(), *GIVEN_BACK.values()])
async def test_follow_ups_are_sent_with_the_completion_and_with_nothing_else(world, outcome):
    await world.join("w1", "a", "b")
    job = await world.start("w1", "a", "x")

    await world.end("w1", job, outcome, follow_ups=[world.job("b", "now"), world.job("b", "later", when=f"+{HOUR}")])

    sent = {"waiting": 1, "delayed": 1} if outcome == Completed() else {}
    assert sent == await world.counts("b")


async def test_a_follow_up_wakes_its_lane(world):
    await world.join("w1", "a", "b")
    job = await world.start("w1", "a", "x")
    await world.woken()

    await world.end("w1", job, Completed(), follow_ups=[world.job("b")])

    assert await world.woken()


async def test_follow_ups_of_one_call_are_told_apart_by_their_parents(world):
    await world.join("w1", "a", "b")
    jobs = [await world.start("w1", "a", f"n{i}") for i in range(2)]

    await world.settle(
        "w1",
        world.ended(jobs[0], Completed(), follow_ups=[world.job("b", "of-completed")]),
        world.ended(jobs[1], Retried(HOUR), follow_ups=[world.job("b", "of-retried")]),
    )

    assert ["b:of-completed"] == names(await world.claim())


async def test_follow_ups_obey_ids_and_keys(world):
    await world.join("w1", "a", "b")
    job = await world.start("w1", "a", "x")
    await world.enqueue("b", "there", given=True, key="k")
    follow_ups = [
        world.job("b", "there", given=True),
        world.job("b", "other", key="k"),
        world.job("b", "new", given=True),
    ]

    await world.end("w1", job, Completed(), follow_ups=follow_ups)

    assert {"b:there", "b:new"} == set(names(await world.claim()))


async def test_a_follow_up_may_take_the_key_and_the_slot_of_its_parent(world):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x", key="k")

    await world.end("w1", job, Completed(), follow_ups=[world.job("a", "next", key="k")])

    assert ["a:next"] == names(await world.claim())


async def test_a_follow_up_of_a_type_nobody_announced_waits_for_one_that_does(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x"), Completed(), follow_ups=[world.job("new", "y")])
    assert {"waiting": 1} == await world.counts("new")

    await world.join("w2", "new")

    assert ["new:y"] == names(await world.claim("w2"))


@pytest.mark.parametrize("counter", GIVEN_BACK)
async def test_a_cancel_asked_for_wins_over_another_run(world, counter):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x", key="k")
    assert await world.cancel("a:x", "operator\tsaid ☃") == "active"

    assert await world.end("w1", job, GIVEN_BACK[counter], Record(attempts=1), follow_ups=[world.job("a")])

    info = await world.info("a:x")
    assert (info.state.value, info.reason, info.attempts) == ("cancelled", "operator\tsaid ☃", 1)
    assert {"cancelled": 1} == await world.counts()
    assert [None] == await world.enqueue("a", "y", key="k")


@pytest.mark.parametrize(("outcome", "state"), [(Completed(), "completed"), (Failed("why"), "failed")])
async def test_a_cancel_asked_for_too_late_leaves_the_end_as_it_is(world, outcome, state):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", given=True)
    await world.cancel("a:x")

    await world.end("w1", job, outcome)

    assert state == await world.state("a:x")
    assert "cancels:w1" not in await world.dump()


async def test_a_cancel_concerns_no_later_run(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await world.cancel("a:x")
    await world.end("w1", job, Failed("why"))
    await world.retry("a:x")
    (again,) = (await world.claim()).jobs

    await world.end("w1", again, Retried(0))

    assert await world.state("a:x") == "waiting"


@pytest.mark.parametrize("result", [b"", b"1"])
async def test_completed_jobs_are_kept_up_to_a_number(world, result):
    await world.join("w1", "a", keep_completed=3)
    for i in range(6):
        await world.end("w1", await world.start("w1", "a", f"n{i}"), Completed(result))
        world.now += 1

    content = await world.dump()
    assert {"n3", "n4", "n5"} == content["completed:a"].keys()
    assert ({"n3", "n4", "n5"} if result else set()) == content.get("result:a", {}).keys()
    assert await world.counter("a", "completed") == 6


@pytest.mark.parametrize(("outcome", "index"), [(Completed(), "given:a"), (Cancelled("why"), "cancelled:a")])
async def test_jobs_that_must_be_kept_for_ten_minutes_are_counted_when_these_are_over(world, outcome, index):
    await world.join("w1", "a", lease_ms=HOUR, keep_completed=1)
    for i in range(3):
        await world.end("w1", await world.start("w1", "a", f"n{i}", given=True), outcome)
        world.now += 1
    assert len((await world.dump())[index]) == 3

    world.now += 10 * MINUTE
    await world.sweep()

    assert {"n2"} == (await world.dump())[index].keys()


async def test_completed_jobs_of_chosen_ids_do_not_heap_up_without_a_sweep(world):
    await world.join("w1", "a", keep_result_ms=0)
    for i in range(4):
        await world.end("w1", await world.start("w1", "a", f"n{i}", given=True), Completed())
        world.now += 20 * MINUTE

    assert {"n3"} == (await world.dump())["given:a"].keys()


@pytest.mark.parametrize(
    ("outcome", "kept_ms"), [(Completed(b"1"), HOUR), (Cancelled("why"), HOUR), (Failed("why"), 2 * DAY)]
)
async def test_ended_jobs_are_kept_for_a_time(world, outcome, kept_ms):
    await world.join("w1", "a", lease_ms=100 * DAY, keep_result_ms=HOUR, keep_failed_ms=2 * DAY)
    await world.end("w1", await world.start("w1", "a", "x"), Retried(0), Record(attempts=1))
    await world.end("w1", (await world.claim()).jobs[0], outcome)
    world.now += kept_ms - 1
    await world.sweep()
    assert (await world.info("a:x")).attempts == 1

    world.now += 5 * SECOND
    await world.sweep()

    kept = {"payload:a", "record:a", "reason:a", "result:a", "completed:a", "cancelled:a", "failed:a"}
    assert not kept & (await world.dump()).keys()


async def test_parked_jobs_are_kept_for_ever(world):
    await world.join("w1", "a", lease_ms=1000 * DAY, keep_result_ms=0, keep_failed_ms=0, keep_completed=0)
    await world.end("w1", await world.start("w1", "a", "x"), Parked("why"))
    world.now += 400 * DAY
    await world.sweep()

    assert await world.state("a:x") == "parked"


async def test_waits_and_runs_are_counted_by_the_minute(world):
    await world.join("w1", "a")
    jobs = [await world.start("w1", "a", f"n{i}") for i in range(4)]
    await world.settle(
        "w1",
        world.ended(jobs[0], Completed(), wait_ms=1, run_ms=300),
        world.ended(jobs[1], Failed("why"), wait_ms=1, run_ms=5000),
        world.ended(jobs[2], Interrupted(), wait_ms=1, run_ms=9),
        world.ended(jobs[3], Parked("never started")),
    )

    minute = world.now // MINUTE
    content = await world.dump()
    assert {f"w{bucket(1)}": "2", f"r{bucket(300)}": "1", f"r{bucket(5000)}": "1"} == content[f"minute:a:{minute}"]
    assert {f"a\t{minute}": minute} == content["minutes"]


async def test_minutes_become_hours_and_a_total(world):
    await world.join("w1", "a", lease_ms=100 * DAY)
    for i in range(3):
        await world.end("w1", await world.start("w1", "a", f"n{i}"), Completed(), wait_ms=1, run_ms=1)
        world.now += MINUTE
    hour = world.now // HOUR
    await world.sweep()

    content = await world.dump()
    assert {f"w{bucket(1)}": "2", f"r{bucket(1)}": "2"} == content[f"hour:a:{hour}"] == content["total:a"]
    assert len(content["minutes"]) == 1, "the last minute may still be counted into"

    for _ in range(2):
        world.now += 9 * DAY
        await world.sweep()
    content = await world.dump()
    assert {f"w{bucket(1)}": "3", f"r{bucket(1)}": "3"} == content["total:a"]
    assert not any(key.startswith(("hour", "minute")) for key in content)
