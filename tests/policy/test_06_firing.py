"""The scripts of schedules, under a clock turned by hand: a slot makes one job, whoever asks, in whatever order."""

import json
from typing import Any

import pytest

from jobframe.client.firing import fire, fire_by_hand
from jobframe.client.jobs import Jobs
from jobframe.core.errors import QueueFull
from jobframe.core.job import NewJob
from jobframe.core.outcome import Completed, Failed, Parked, Retried
from jobframe.core.schedule import Schedule
from jobframe.store import policies, schedules
from jobframe.store.enqueue import Stale
from jobframe.store.parking import unpark
from jobframe.store.schedules import UnknownSchedule
from tests.conformance.world import DAY, HOUR, MINUTE, SECOND, START_MS, names

SLOT = START_MS + 30 * SECOND
"""The next full minute."""


@pytest.fixture
async def jobs(world):
    """A client of the world; everything it sends obeys the clock turned by hand."""
    jobs = Jobs(world.store)
    yield jobs
    await jobs.aclose()


def minutely(**changes):
    return Schedule(**{"name": "s", "job": "a", "every_ms": MINUTE, **changes})


async def in_force(world, *wanted, types="a", edited_ms=None, by="me"):
    """Put schedules in force; answers those of the store by name."""
    await schedules.put(world.store, types, wanted, by, edited_ms=edited_ms)
    seen = (await schedules.read(world.store)).schedules
    return {name: each.in_force for name, each in seen.items()}


async def begin(world, policy=None, **changes):
    """Announce type a, put a minutely schedule in force, and turn the clock to its next slot."""
    await world.join("w1", "a", **(policy or {}))
    found = await in_force(world, minutely(**changes))
    world.now = SLOT
    return found["s"]


async def progress(world):
    return (await schedules.read(world.store)).schedules["s"]


async def test_a_slot_makes_one_job_whoever_asks_and_how_often(world, jobs):
    known = await begin(world)

    answers = [(await fire(jobs, known, SLOT)).what for _ in range(3)]

    assert ["FIRED", "DONE", "DONE"] == answers
    assert [f"a:s@{SLOT}"] == names(await world.claim())
    assert (1, SLOT, SLOT) == ((found := await progress(world)).fired, found.slot_ms, found.fired_at_ms)


async def test_its_job_has_the_payload_of_the_schedule(world, jobs):
    await world.join("w1", "a")
    redis: Any = world.store.redis
    document = json.loads(await redis.hget(world.store.keys.types, "a")) | {"fields": ["source"]}
    await redis.hset(world.store.keys.types, "a", json.dumps(document))
    known = (await in_force(world, minutely(payload={"source": "docs"})))["s"]
    world.now = SLOT

    await fire(jobs, known, SLOT)

    (job,) = (await world.claim()).jobs
    assert b'{"source":"docs"}' in job.payload


async def test_a_slot_before_the_schedule_came_in_force_makes_none(world, jobs):
    known = await begin(world)

    assert "DONE" == (await fire(jobs, known, SLOT - MINUTE)).what
    assert {} == await world.counts()


async def test_a_slot_still_to_come_by_the_servers_clock_makes_none_yet(world, jobs):
    known = await begin(world)
    world.now = SLOT - 1

    assert ("EARLY", SLOT - 1) == ((early := await fire(jobs, known, SLOT)).what, early.now_ms)
    world.now = SLOT
    assert "FIRED" == (await fire(jobs, known, SLOT)).what


async def test_an_earlier_slot_that_comes_late_makes_none(world, jobs):
    known = await begin(world, overlap="allow")
    world.now = SLOT + MINUTE
    assert "FIRED" == (await fire(jobs, known, SLOT + MINUTE)).what

    assert "DONE" == (await fire(jobs, known, SLOT)).what


async def test_a_clock_that_steps_back_by_less_than_a_period_brings_no_slot_twice(world, jobs):
    known = await begin(world, overlap="allow")
    await fire(jobs, known, SLOT)
    world.now = SLOT - 50 * SECOND

    for world.now in (SLOT - 1, SLOT, SLOT + 1):
        assert "FIRED" != (await fire(jobs, known, SLOT)).what
    world.now = SLOT + MINUTE
    assert "FIRED" == (await fire(jobs, known, SLOT + MINUTE)).what


async def test_a_slot_that_was_skipped_does_not_come_after_a_later_one_when_the_clock_steps_back(world, jobs):
    known = await begin(world, overlap="allow", policy={"max_waiting": 1})
    await world.enqueue("a", "x")
    assert "FULL" == (await fire(jobs, known, SLOT)).what
    await world.claim()
    world.now = SLOT + MINUTE
    assert "FIRED" == (await fire(jobs, known, SLOT + MINUTE)).what
    await world.claim()
    world.now = SLOT + 30 * SECOND

    assert "DONE" == (await fire(jobs, known, SLOT)).what


async def test_a_clock_that_steps_back_by_many_periods_brings_no_slot_twice(world, jobs):
    """The last slot is forgotten then, but a job of its id is still there."""
    known = await begin(world, overlap="allow", policy={"keep_result_ms": 0, "keep_completed": 0})
    for slot in range(SLOT, SLOT + 5 * MINUTE, MINUTE):
        world.now = slot
        assert "FIRED" == (await fire(jobs, known, slot)).what
        (job,) = (await world.claim()).jobs
        await world.end("w1", job, Completed())
    world.now = SLOT + MINUTE

    assert "DONE" == (await fire(jobs, known, SLOT + MINUTE)).what
    assert [] == names(await world.claim())


async def test_a_clock_that_was_ahead_for_days_holds_up_no_slot(world, jobs):
    known = await begin(world, overlap="allow")
    world.now = SLOT + 3 * DAY
    await fire(jobs, known, SLOT + 3 * DAY)
    world.now = SLOT

    assert "FIRED" == (await fire(jobs, known, SLOT)).what
    assert SLOT == (await progress(world)).slot_ms


@pytest.mark.parametrize("where", ["waiting", "delayed", "active"])
async def test_overlap_skip_makes_none_while_a_job_of_the_schedule_is_live(world, jobs, where):
    known = await begin(world)
    await fire(jobs, known, SLOT)
    if where != "waiting":
        (job,) = (await world.claim()).jobs
    if where == "delayed":
        await world.settle("w1", world.ended(job, Retried(HOUR)))
    world.now = SLOT + MINUTE

    assert ("LIVE", f"s@{SLOT}") == ((answer := await fire(jobs, known, SLOT + MINUTE)).what, answer.detail)
    assert (1, 1, SLOT + MINUTE) == ((found := await progress(world)).fired, found.live, found.slot_ms)
    assert "DONE" == (await fire(jobs, known, SLOT + MINUTE)).what


@pytest.mark.parametrize("outcome", [Completed(), Failed("why")])
async def test_overlap_skip_makes_one_again_once_the_last_has_ended(world, jobs, outcome):
    known = await begin(world)
    await fire(jobs, known, SLOT)
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, outcome)
    world.now = SLOT + MINUTE

    assert "FIRED" == (await fire(jobs, known, SLOT + MINUTE)).what


async def test_overlap_skip_sees_a_parked_job_once_it_is_released(world, jobs):
    known = await begin(world)
    await fire(jobs, known, SLOT)
    await world.end("w1", (await world.claim()).jobs[0], Parked("too new: payload version 2"))
    world.now = SLOT + MINUTE
    assert "FIRED" == (await fire(jobs, known, SLOT + MINUTE)).what
    world.renew("w1")
    await world.complete("w1", (await world.claim()).jobs)
    await unpark(world.store, {"a": 2})
    world.now = SLOT + 2 * MINUTE

    assert ("LIVE", f"s@{SLOT}") == ((answer := await fire(jobs, known, SLOT + 2 * MINUTE)).what, answer.detail)


async def test_overlap_skip_does_not_mind_other_jobs_of_the_type(world, jobs):
    known = await begin(world)
    await world.enqueue("a", "x")

    assert "FIRED" == (await fire(jobs, known, SLOT)).what


async def test_overlap_queue_one_lets_one_wait_behind_the_one_that_runs(world, jobs):
    known = await begin(world, overlap="queue-one", policy={"concurrency": 1})
    answers = []
    for slot in range(SLOT, SLOT + 4 * MINUTE, MINUTE):
        world.now = slot
        answers.append((await fire(jobs, known, slot)).what)
        if slot == SLOT:
            (first,) = (await world.claim()).jobs

    assert ["FIRED", "FIRED", "LIVE", "LIVE"] == answers
    assert {"active": 1, "waiting": 1} == await world.counts()
    await world.end("w1", first, Completed())
    assert [f"a:s@{SLOT + MINUTE}"] == names(await world.claim())


async def test_overlap_queue_one_lets_no_second_one_wait(world, jobs):
    known = await begin(world, overlap="queue-one")
    await fire(jobs, known, SLOT)
    world.now = SLOT + MINUTE

    assert "LIVE" == (await fire(jobs, known, SLOT + MINUTE)).what


async def test_overlap_queue_one_never_has_more_than_two_live(world, jobs):
    known = await begin(world, overlap="queue-one")
    answers = []
    for slot in range(SLOT, SLOT + 4 * MINUTE, MINUTE):
        world.now = slot
        answers.append((await fire(jobs, known, slot)).what)
        await world.claim()

    assert ["FIRED", "FIRED", "LIVE", "LIVE"] == answers


async def test_overlap_allow_makes_one_each_slot(world, jobs):
    known = await begin(world, overlap="allow")
    for slot in range(SLOT, SLOT + 4 * MINUTE, MINUTE):
        world.now = slot
        assert "FIRED" == (await fire(jobs, known, slot)).what

    assert {"waiting": 4} == await world.counts()


async def test_another_overlap_sees_the_jobs_that_were_made_before(world, jobs):
    known = await begin(world, overlap="allow")
    await fire(jobs, known, SLOT)
    known = (await in_force(world, minutely(overlap="skip")))["s"]
    world.now = SLOT + MINUTE

    assert "LIVE" == (await fire(jobs, known, SLOT + MINUTE)).what


async def test_a_full_queue_costs_the_slot_and_not_the_next_one(world, jobs):
    known = await begin(world, overlap="allow", policy={"max_waiting": 1})
    await world.enqueue("a", "x")

    assert ("FULL", "1") == ((full := await fire(jobs, known, SLOT)).what, full.detail)
    assert ["a:x"] == names(await world.claim())
    assert "DONE" == (await fire(jobs, known, SLOT)).what
    world.now = SLOT + MINUTE
    assert "FIRED" == (await fire(jobs, known, SLOT + MINUTE)).what
    assert (1, 1) == ((found := await progress(world)).fired, found.full)


async def test_a_paused_type_gets_its_jobs_and_keeps_them_waiting(world, jobs):
    known = await begin(world)
    await world.pause("a")

    assert "FIRED" == (await fire(jobs, known, SLOT)).what
    assert [] == names(await world.claim())
    await world.pause("a", "resume")
    assert [f"a:s@{SLOT}"] == names(await world.claim())


async def test_only_the_version_in_force_fires(world, jobs):
    old = await begin(world)
    new = (await in_force(world, minutely(payload={}, overlap="allow"), by="you"))["s"]

    assert "CHANGED" == (await fire(jobs, old, SLOT)).what
    assert {} == await world.counts()
    assert "FIRED" == (await fire(jobs, new, SLOT)).what


async def test_two_versions_side_by_side_make_one_job_a_slot(world, jobs):
    """A slot that the old version has fired is not fired again by the new one, whose slots are the same."""
    old = await begin(world, overlap="allow")
    await fire(jobs, old, SLOT)
    new = (await in_force(world, minutely(overlap="allow", misfire="once")))["s"]

    assert ["CHANGED", "DONE"] == [(await fire(jobs, each, SLOT)).what for each in (old, new)]


async def test_a_job_that_was_encoded_under_a_policy_of_before_changes_nothing(world, jobs):
    known = await begin(world)
    encoded = await jobs.encode(NewJob("a", id=f"s@{SLOT}"))
    await world.join("w1", "a", max_retries=9)

    answer = await schedules.fire(world.store, known, SLOT, encoded)

    assert isinstance(answer, Stale)
    assert 9 == policies.decode(answer.document).policy.max_retries
    assert (START_MS, {}) == ((await progress(world)).slot_ms, await world.counts())


async def test_a_policy_of_the_type_that_is_new_to_the_client_is_learnt_and_the_slot_fired(world, jobs):
    known = await begin(world)
    await jobs.encode(NewJob("a"))
    await world.join("w1", "a", max_retries=9)

    assert "FIRED" == (await fire(jobs, known, SLOT)).what


async def test_its_job_is_remembered_as_one_with_a_chosen_id(world, jobs):
    known = await begin(world, policy={"keep_result_ms": 0, "keep_completed": 0})
    await fire(jobs, known, SLOT)
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, Completed())
    world.now += 9 * MINUTE
    await world.sweep()

    assert "completed" == await world.state(f"a:s@{SLOT}")


async def test_by_hand_it_fires_whatever_the_slots_and_the_overlap_say(world, jobs):
    known = await begin(world)
    await fire(jobs, known, SLOT)
    world.now += SECOND

    assert f"a:s@{SLOT + SECOND}" == await fire_by_hand(jobs, "s")
    assert {"waiting": 2} == await world.counts()
    assert SLOT == (await progress(world)).slot_ms


async def test_what_was_fired_by_hand_counts_for_the_overlap(world, jobs):
    known = await begin(world)
    world.now -= SECOND
    await fire_by_hand(jobs, "s")
    world.now = SLOT

    assert "LIVE" == (await fire(jobs, known, SLOT)).what


async def test_by_hand_a_full_queue_is_told(world, jobs):
    await begin(world, policy={"max_waiting": 1})
    await world.enqueue("a", "x")

    with pytest.raises(QueueFull):
        await fire_by_hand(jobs, "s")


async def test_by_hand_an_unknown_name_is_told_with_the_nearest(world, jobs):
    with pytest.raises(UnknownSchedule, match="jobframe apply"):
        await fire_by_hand(jobs, "nightly")
    await in_force(world, minutely(name="nightly"))
    with pytest.raises(UnknownSchedule, match="did you mean 'nightly'"):
        await fire_by_hand(jobs, "nigtly")


async def test_of_a_file_all_schedules_come_in_force_and_those_it_lacks_go(world):
    first = await in_force(world, minutely(name="x"), minutely(name="y"), edited_ms=START_MS)
    assert {"x", "y"} == first.keys()
    world.now += MINUTE

    second = await in_force(world, minutely(name="y", overlap="allow"), minutely(name="z"), edited_ms=world.now)

    assert {"y", "z"} == second.keys()
    assert ("allow", first["y"].version < second["y"].version) == (second["y"].schedule.overlap, True)


async def test_schedules_of_other_types_are_left_alone(world):
    await in_force(world, minutely(name="x", job="b"), types="b")

    assert {"x", "y"} == (await in_force(world, minutely(name="y"), types="a")).keys()


async def test_a_file_that_was_superseded_after_its_last_edit_changes_nothing(world):
    await in_force(world, minutely(), edited_ms=START_MS)
    world.now += MINUTE
    newer = await in_force(world, minutely(overlap="allow"), minutely(name="t"), edited_ms=world.now)

    assert newer == await in_force(world, minutely(), edited_ms=START_MS, by="a restarted old worker")


async def test_a_file_without_schedules_that_is_older_takes_none_out_of_force(world):
    world.now += MINUTE
    found = await in_force(world, minutely(), edited_ms=world.now)

    assert found == await in_force(world, edited_ms=START_MS)
    assert {} == await in_force(world, edited_ms=world.now)


async def test_a_schedule_that_was_taken_out_is_not_brought_back_by_an_older_file(world):
    await in_force(world, minutely(), edited_ms=START_MS)
    world.now += MINUTE
    await in_force(world, edited_ms=world.now)

    assert {} == await in_force(world, minutely(), edited_ms=START_MS)
    assert {"s"} == (await in_force(world, minutely(), edited_ms=None)).keys()


async def test_of_what_was_superseded_the_newest_thousand_are_remembered(world):
    for n in range(1_003):
        world.now += 1
        newest = await in_force(world, minutely(payload={"n": n}), edited_ms=None)

    assert 1_000 == len((await world.dump())["superseded"])
    assert newest == await in_force(world, minutely(payload={"n": 900}), edited_ms=START_MS)


async def test_the_same_file_again_changes_nothing(world):
    await in_force(world, minutely())
    version = (await world.dump())["control"]["policy"]

    assert () == await schedules.put(world.store, "a", [minutely()], "another")
    assert version == (await world.dump())["control"]["policy"]


async def test_another_time_misses_nothing_from_before(world):
    await begin(world)
    world.now = SLOT + HOUR

    await in_force(world, minutely(every_ms=HOUR))

    assert SLOT + HOUR == (await progress(world)).slot_ms


async def test_another_payload_keeps_what_was_missed(world):
    await begin(world)
    world.now = SLOT + HOUR

    await in_force(world, minutely(overlap="allow"))

    assert START_MS == (await progress(world)).slot_ms


async def test_a_schedule_out_of_force_leaves_nothing_but_what_superseded_it(world, jobs):
    known = await begin(world)
    await fire(jobs, known, SLOT)
    await in_force(world)

    left = await world.dump()
    assert not {"schedules", "schedule:s"} & left.keys()
    assert "CHANGED" == (await fire(jobs, known, SLOT + MINUTE)).what


async def test_the_workers_learn_of_a_change(world):
    await world.join("w1", "a")
    known = world.renew("w1").policy

    async with world.store.redis.pubsub() as channel:
        await channel.subscribe(world.store.keys.control_channel)
        assert await channel.get_message(timeout=5)
        await in_force(world, minutely())
        told = await channel.get_message(timeout=5)

    assert told
    assert (b"policy", True) == (told["data"], world.renew("w1").policy > known)


async def test_the_document_in_force_is_what_the_file_says(world):
    wanted = minutely(
        cron="0 2 * * *", every_ms=None, tz="Europe/Berlin", payload={"x": [1, {"y": "z"}]}, misfire="once"
    )

    found = (await in_force(world, wanted))["s"]

    assert (wanted, "me", world.now) == (found.schedule, found.by, found.at)
    assert "x" in json.loads((await world.dump())["schedules"]["s"])["schedule"]["payload"]
