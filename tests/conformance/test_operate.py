"""Cancel, retry, pause and resume: what they do to a job in every state, and to nothing else."""

import pytest

from jobframe.core.errors import JobNotFound, UnknownJobType
from jobframe.core.outcome import Cancelled, Completed, Failed, Parked, Retried
from jobframe.store import inspect
from jobframe.store.codec import Record
from jobframe.store.operate import KeyHeld, NotRetryable
from tests.conformance.world import HOUR, SECOND, names

HISTORY = Record(attempts=4, crashes=2, interrupts=1, snoozes=3)


async def waiting(world, **options):
    await world.enqueue("a", "x", **options)


async def delayed(world, **options):
    await world.enqueue("a", "x", when=f"+{HOUR}", **options)


async def active(world, **options):
    await world.start("w1", "a", "x", **options)


def ended(outcome):
    async def reach(world, **options):
        assert await world.end("w1", await world.start("w1", "a", "x", **options), outcome, HISTORY)

    return reach


completed, failed, cancelled, parked = (
    ended(outcome) for outcome in (Completed(), Failed("why"), Cancelled("why"), Parked("why"))
)


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
@pytest.mark.parametrize("reach", [waiting, delayed, parked])
async def test_a_job_that_does_not_run_is_cancelled_at_once(world, reach, priority):
    await world.join("w1", "a")
    await reach(world, priority=priority, key="k")

    assert await world.cancel("a:x", "enough") == "cancelled"

    info = await world.info("a:x")
    assert (info.state.value, info.reason, info.finished_ms) == ("cancelled", "enough", world.now)
    assert [None] == await world.enqueue("a", "y", key="k")
    world.now += HOUR
    assert ["a:y"] == names(await world.claim())


async def test_a_running_job_is_cancelled_by_its_worker(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await active(world)

    assert await world.cancel("a:x", "enough") == "active"

    assert {} == world.renew("w2").cancels
    assert {"a\tx"} == world.renew("w1").cancels.keys()
    assert await world.state("a:x") == "active"


async def test_a_job_that_runs_nowhere_any_more_is_cancelled_at_once(world):
    await world.join("w1", "a", concurrency=1)
    await active(world, key="k")
    await world.store.redis.delete(world.store.keys.held("w1"))

    assert await world.cancel("a:x") == "cancelled"
    assert [None] == await world.enqueue("a", "y", key="k")
    assert ["a:y"] == names(await world.claim())


@pytest.mark.parametrize(("reach", "state"), [(completed, "completed"), (failed, "failed"), (cancelled, "cancelled")])
@pytest.mark.parametrize("given", [True, False])
async def test_cancelling_a_job_that_is_over_changes_nothing(world, reach, state, given):
    await world.join("w1", "a")
    await reach(world, given=given)
    before = await world.dump()

    assert state == await world.cancel("a:x", "too late")

    assert before == await world.dump()


async def test_cancelling_a_job_that_does_not_exist_leaves_no_trace(world):
    await world.join("w1", "a")
    before = await world.dump()

    with pytest.raises(JobNotFound):
        await world.cancel("a:x", "enough")

    assert before == await world.dump()
    assert ["a:x"] == [f"a:{(await world.start('w1', 'a', 'x')).unique}"]


async def test_cancelling_the_next_job_leaves_the_one_after_it_to_be_found(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when="+5")
    await world.enqueue("a", "y", when="+9")
    await world.claim()
    await world.cancel("a:x")
    world.now += 9

    assert ["a:y"] == names(await world.claim())


async def test_cancelled_jobs_do_not_heap_up_without_a_sweep(world):
    await world.join("w1", "a", keep_result_ms=0)
    for i in range(5):
        await world.enqueue("a", f"n{i}")
        await world.cancel(f"a:n{i}")
        world.now += 20 * 60 * SECOND

    assert {"n4"} == (await world.dump())["cancelled:a"].keys()


@pytest.mark.parametrize("reach", [failed, cancelled, parked])
async def test_a_job_that_failed_or_was_stopped_is_queued_again_with_its_history(world, reach):
    await world.join("w1", "a")
    await reach(world, priority="high", given=True, body=b'{"n":1}')
    world.now += SECOND
    await world.woken()

    await world.retry("a:x")

    assert await world.woken()
    info = await world.info("a:x")
    assert (info.state.value, info.reason, info.due_ms) == ("waiting", "", world.now)
    (job,) = (await world.claim()).jobs
    assert job.payload.endswith(b';g;p4\n{"body":{"n":1}}')
    retried = f"{world.now} tester"
    assert Record(attempts=0, crashes=2, interrupts=1, snoozes=0, retried=retried) == Record.decode(job.record)


@pytest.mark.parametrize(
    ("reach", "state"), [(waiting, "waiting"), (delayed, "delayed"), (active, "active"), (completed, "completed")]
)
@pytest.mark.parametrize("given", [True, False])
async def test_a_job_in_another_state_cannot_be_retried(world, reach, state, given):
    await world.join("w1", "a")
    await reach(world, given=given)
    before = await world.dump()

    with pytest.raises(NotRetryable) as caught:
        await world.retry("a:x")

    assert state == caught.value.state
    assert before == await world.dump()


async def test_a_job_that_does_not_exist_cannot_be_retried(world):
    await world.join("w1", "a")

    with pytest.raises(JobNotFound):
        await world.retry("a:x")


@pytest.mark.parametrize("reach", [failed, cancelled])
async def test_a_job_whose_key_a_live_job_holds_cannot_be_retried(world, reach):
    await world.join("w1", "a")
    await reach(world, key="k")
    await world.enqueue("a", "y", key="k")
    before = await world.dump()

    with pytest.raises(KeyHeld) as caught:
        await world.retry("a:x")

    assert caught.value.holder == "a:y"
    assert before == await world.dump()


@pytest.mark.parametrize("reach", [failed, cancelled, parked])
async def test_a_job_retried_holds_its_key_again(world, reach):
    await world.join("w1", "a")
    await reach(world, key="k")

    await world.retry("a:x")

    assert ["x"] == await world.enqueue("a", "y", key="k")


@pytest.mark.parametrize(("policy", "options"), [({}, {"expires_ms": 500}), ({"expires_ms": 500}, {})])
async def test_a_job_that_expired_and_is_retried_has_its_whole_time_again(world, policy, options):
    await world.join("w1", "a", **policy)
    await waiting(world, **options)
    world.now += 500
    assert [] == names(await world.claim())

    await world.retry("a:x")

    world.now += 499
    assert ["a:x"] == names(await world.claim())


async def test_a_poison_job_retried_costs_one_worker_at_most(world):
    await waiting(world)
    for worker in (f"w{n}" for n in range(10)):
        await world.join(worker, "a")
        await world.claim(worker)
        await world.bury(worker)
    await world.retry("a:x")
    await world.join("w10", "a")
    assert ["a:x"] == names(await world.claim("w10"))
    await world.bury("w10")

    assert await world.state("a:x") == "failed"


async def test_a_retried_job_of_a_full_type_waits_for_its_slot(world):
    await world.join("w1", "a", concurrency=1)
    await failed(world)
    running = await world.start("w1", "a", "y")
    await world.retry("a:x")
    assert [] == names(await world.claim())

    await world.end("w1", running, Completed())

    assert ["a:x"] == names(await world.claim())


async def test_pause_stops_starts_and_nothing_else(world):
    await world.join("w1", "a")
    await world.enqueue("a", "running")
    (running,) = (await world.claim()).jobs
    await world.enqueue("a", "x")
    await world.pause("a")

    assert [None] == await world.enqueue("a", "y")
    assert [] == names(await world.claim())
    assert await world.end("w1", running, Retried(0))
    assert [] == names(await world.claim())
    (paused,) = await inspect.types(world.store)
    assert {"by": "tester", "at": world.now} == paused.paused


async def test_resume_lets_all_that_is_due_start_and_says_so(world):
    await world.join("w1", "a")
    await world.pause("a")
    await world.enqueue("a", "x")
    await world.enqueue("a", "y", when="+5")
    await world.woken()

    await world.pause("a", "resume")

    assert await world.woken()
    assert ["a:x"] == names(await world.claim())
    world.now += 5
    assert ["a:y"] == names(await world.claim())
    (paused,) = await inspect.types(world.store)
    assert paused.paused is None


async def test_pausing_or_resuming_twice_changes_nothing_more(world):
    await world.join("w1", "a")
    for action in ("pause", "resume"):
        await world.pause("a", action)
        before = await world.dump()
        world.now += SECOND
        await world.pause("a", action)
        assert before == await world.dump()


async def test_a_paused_type_stays_paused_under_a_new_policy_and_in_a_new_lane(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")
    await world.pause("a")
    await world.join("w1", "a", max_retries=9)
    await world.join("w2", "a", "b", max_retries=9)

    assert [] == names(await world.claim("w2"))
    await world.pause("a", "resume")
    assert ["a:x"] == names(await world.claim("w2"))


@pytest.mark.parametrize("action", ["pause", "resume"])
async def test_a_type_that_nobody_announced_cannot_be_paused(world, action):
    await world.enqueue("a", "x")

    with pytest.raises(UnknownJobType):
        await world.pause("a", action)
