"""Enqueue: all or none, idempotent by call and by id, exclusive by key, never under an old policy."""

import attrs
import pytest

from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.core.policy import Policy
from jobframe.store import policies
from jobframe.store.enqueue import Stale
from tests.conformance.world import HOUR, MINUTE, SECOND, START_MS, names

ODD_KEYS = ("k", ";g;x5;p4", "a;kb", ";k", "schlüssel ☃", "with:colons,and spaces", "'\"\\{}")
ODD_ID = "A.b_c:D@e=f+g-9"


async def test_a_batch_of_several_types_is_enqueued_in_one_call(world):
    await world.join("w1", "a", "b")
    jobs = [world.job("ab"[i % 2], f"n{i:03}") for i in range(256)]

    assert [None] * 256 == await world.send(*jobs)

    assert {"waiting": 256} == await world.counts()
    assert {f"{job.type}:{job.unique}" for job in jobs} == set(names(await world.claim(room=256)))


async def test_answers_come_in_the_order_of_the_jobs(world):
    await world.join("w1", "a", "b")
    await world.enqueue("a", "x", given=True)
    await world.enqueue("b", "y", key="k")

    answers = await world.send(
        world.job("a", "x", given=True), world.job("b", "z", key="k"), world.job("a", "v"), world.job("b", "u", key="l")
    )

    assert ["x", "y", None, None] == answers


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("", "waiting"),
        ("+0", "waiting"),
        ("+1", "delayed"),
        (f"@{START_MS}", "waiting"),
        (f"@{START_MS + 1}", "delayed"),
        ("@-5000", "waiting"),
        ("@253402300799999", "delayed"),
    ],
)
async def test_a_due_time_may_be_now_from_now_or_at_a_time(world, when, state):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when=when)

    assert state == await world.state("a:x")


async def test_a_delayed_job_starts_when_it_is_due_and_not_before(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when=f"+{HOUR}")

    world.now += HOUR - 1
    assert [] == names(await world.claim())
    world.now += 1
    assert ["a:x"] == names(await world.claim())


async def test_a_call_sent_again_enqueues_nothing_and_answers_as_before(world):
    await world.join("w1", "a")
    call = [world.job("a"), world.job("a", "mine", given=True), world.job("a", key="k"), world.job("a", key="k")]
    first = await world.send(*call, number=7)
    before = await world.dump()

    assert first == await world.send(*call, number=7)
    assert before == await world.dump()


async def test_a_call_sent_again_after_its_jobs_ended_enqueues_nothing(world):
    await world.join("w1", "a")
    call = [world.job("a"), world.job("a")]
    await world.send(*call, number=7)
    await world.complete("w1", (await world.claim()).jobs)
    await world.join("w1", "a", max_retries=9)  # nor does another policy make it a new call

    assert [None, None] == await world.send(*call, number=7)
    assert {"completed": 2} == await world.counts()


async def test_the_late_echo_of_an_older_call_does_nothing(world):
    await world.join("w1", "a")
    first = world.job("a")
    await world.send(first, number=1)
    await world.send(world.job("a"), number=2)
    await world.complete("w1", (await world.claim()).jobs)
    before = await world.dump()

    await world.send(first, number=1)

    assert before == await world.dump()


async def test_the_numbers_of_two_clients_have_nothing_to_do_with_each_other(world):
    await world.join("w1", "a")
    await world.send(world.job("a"), client="c1", number=1)
    await world.send(world.job("a"), client="c2", number=1)

    assert {"waiting": 2} == await world.counts()


async def test_silent_clients_are_forgotten_after_ten_minutes(world):
    await world.join("w1", "a")
    await world.send(world.job("a"), client="c1")
    world.now += 9 * MINUTE
    await world.send(world.job("a"), client="c2")
    await world.sweep()
    assert {"c1", "c2"} == (await world.dump())["calls"].keys()

    world.now += 2 * MINUTE
    await world.sweep()

    assert {"c2"} == (await world.dump())["calls"].keys()


async def test_a_busy_client_is_not_forgotten(world):
    await world.join("w1", "a")
    for _ in range(15):
        world.now += MINUTE
        await world.send(world.job("a"))
        await world.sweep()
        assert "c1" in (await world.dump())["calls"]


async def test_a_job_encoded_under_an_older_policy_changes_nothing_and_learns_the_new_one(world):
    await world.join("w1", "a", "b")
    old = world.job("b")
    await world.join("w1", "b", max_retries=9)
    before = await world.dump()

    answer = await world.send(world.job("a"), old)

    assert isinstance(answer, Stale)
    assert answer.type == "b"
    assert Policy(max_retries=9) == policies.decode(answer.document).policy
    assert before == await world.dump()


async def test_a_type_announced_since_is_stale_for_who_took_it_for_unknown(world):
    old = world.job("a")
    await world.join("w1", "a")

    answer = await world.send(old)

    assert isinstance(answer, Stale)
    assert policies.decode(answer.document).type == "a"


async def test_a_type_that_nobody_announced_is_stale_for_who_knew_a_policy(world):
    assert Stale("a", b"") == await world.send(attrs.evolve(world.job("a"), policy_version=3))


async def test_jobs_of_a_type_nobody_announced_wait_until_somebody_does(world):
    await world.enqueue("a", "now")
    await world.enqueue("a", "low", priority="low")
    await world.enqueue("a", "later", when=f"+{MINUTE}")
    assert {"waiting": 2, "delayed": 1} == await world.counts("a")

    await world.join("w1", "a")

    assert ["a:now", "a:low"] == names(await world.claim())
    world.now += MINUTE
    assert ["a:later"] == names(await world.claim())


async def as_waiting(world):
    await world.enqueue("a", ODD_ID, given=True)


async def as_delayed(world):
    await world.enqueue("a", ODD_ID, given=True, when=f"+{HOUR}")


async def as_active(world):
    return await world.start("w1", "a", ODD_ID, given=True)


def as_ended(outcome):
    async def end(world):
        assert await world.end("w1", await as_active(world), outcome)

    return end


@pytest.mark.parametrize(
    ("reach", "state"),
    [
        (as_waiting, "waiting"),
        (as_delayed, "delayed"),
        (as_active, "active"),
        (as_ended(Retried(HOUR)), "delayed"),
        (as_ended(Completed()), "completed"),
        (as_ended(Failed("why")), "failed"),
        (as_ended(Cancelled("why")), "cancelled"),
        (as_ended(Parked("why")), "parked"),
    ],
)
async def test_an_id_that_the_caller_chose_is_enqueued_once_whatever_its_job_does(world, reach, state):
    await world.join("w1", "a")
    await reach(world)
    before = await world.dump()

    assert [ODD_ID] == await world.enqueue("a", ODD_ID, given=True, priority="high")

    assert state == await world.state(f"a:{ODD_ID}")
    after = await world.dump()
    assert {**before, "calls": None} == {**after, "calls": None}


@pytest.mark.parametrize("outcome", [Completed(b"1"), Failed("why"), Cancelled("why")])
async def test_an_ended_job_of_a_chosen_id_is_kept_ten_minutes_whatever_the_policy_says(world, outcome):
    await world.join("w1", "a", lease_ms=HOUR, keep_result_ms=0, keep_completed=0, keep_failed_ms=0)
    await as_ended(outcome)(world)
    for _ in range(10):  # others of the type push it out as hard as they can
        await world.end("w1", await world.start("w1", "a", f"given{world.now}", given=True), outcome)
        await world.end("w1", await world.start("w1", "a", f"plain{world.now}"), outcome)
        world.now += MINUTE - 1
        await world.sweep()

    assert [ODD_ID] == await world.enqueue("a", ODD_ID, given=True)
    assert [] == names(await world.claim())

    world.now += 5 * SECOND
    await world.sweep()
    assert [None] == await world.enqueue("a", ODD_ID, given=True)
    assert [f"a:{ODD_ID}"] == names(await world.claim())


async def test_an_id_given_twice_in_one_call_makes_one_job(world):
    await world.join("w1", "a", "b")

    answers = await world.send(
        *(world.job(name, "x", given=True) for name in ("a", "a", "b", "a")), world.job("a", "y", given=True)
    )

    assert [None, "x", None, "x", None] == answers
    assert {"waiting": 3} == await world.counts()


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_a_key_admits_one_live_job_of_the_type(world, key):
    await world.join("w1", "a", "b")

    assert [None, "first"] == await world.enqueue("a", "first", "second", key=key)
    assert ["first"] == await world.enqueue("a", "third", key=key, given=True, priority="low", expires_ms=5)
    assert [None] == await world.enqueue("b", "other", key=key)
    assert [None] == await world.enqueue("a", "free", key=key + "'")

    await world.complete("w1", (await world.claim()).jobs)
    assert [None] == await world.enqueue("a", "fourth", key=key)


@pytest.mark.parametrize("outcome", [Completed(), Failed("why"), Cancelled("why")])
async def test_a_key_is_free_when_its_job_has_ended(world, outcome):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", key="k", given=True), outcome)

    assert [None] == await world.enqueue("a", "y", key="k")


@pytest.mark.parametrize("outcome", [Retried(HOUR), Snoozed(HOUR), Interrupted(HOUR), Crashed(), Parked("why")])
async def test_a_key_stays_held_while_its_job_lives_on(world, outcome):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", key="k")
    assert ["x"] == await world.enqueue("a", "y", key="k")

    await world.end("w1", job, outcome)

    assert ["x"] == await world.enqueue("a", "y", key="k")


async def test_a_key_is_free_when_its_job_is_cancelled_before_it_starts(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", key="k")
    await world.cancel("a:x")

    assert [None] == await world.enqueue("a", "y", key="k")


async def test_a_key_is_free_when_its_job_has_expired(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", key="k", expires_ms=10)
    world.now += 10
    assert [] == names(await world.claim())

    assert [None] == await world.enqueue("a", "y", key="k")


async def test_a_key_is_free_when_its_job_turned_out_to_be_poison(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", key="k")
    for worker in (f"v{n}" for n in range(10)):
        await world.join(worker, "a")
        assert ["a:x"] == names(await world.claim(worker))
        assert ["x"] == await world.enqueue("a", "y", key="k")
        await world.bury(worker)

    assert await world.state("a:x") == "failed"
    assert [None] == await world.enqueue("a", "y", key="k")


async def test_a_key_whose_job_is_gone_from_the_store_is_free(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", key="k")
    await world.store.redis.hdel(world.store.keys.payload("a"), "x")

    assert [None] == await world.enqueue("a", "y", key="k")
    assert ["y"] == await world.enqueue("a", "z", key="k")
    assert ["a:y"] == names(await world.claim())
    assert ["y"] == await world.enqueue("a", "z", key="k")


async def test_a_job_that_lost_its_key_with_its_payload_does_not_free_it_for_others(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", key="k")
    await world.store.redis.hdel(world.store.keys.payload("a"), "x")
    await world.enqueue("a", "y", key="k")

    await world.end("w1", job, Completed())

    assert ["y"] == await world.enqueue("a", "z", key="k")
