"""``mode = "replace"``: a job that runs gets one successor, which starts when it has ended."""

import pytest

from jobframe.client.explanation import explain
from jobframe.core.errors import QueueFull
from jobframe.core.job import State
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.store import explain as standing
from jobframe.store.codec import Record
from jobframe.store.doctor import examine
from jobframe.store.operate import KeyHeld
from jobframe.store.purge import purge
from tests.conformance.machine.model import POISON
from tests.conformance.world import HOUR, MINUTE, SECOND
from tests.policy.equal import KEY, claimed, put, running


async def test_a_running_job_gets_one_successor_that_takes_every_later_payload(world):
    await world.join("w1", "a")
    job = await running(world)

    assert ["next", "next", "next"] == [await put(world, unique, f"text of {unique}") for unique in ("next", "y", "z")]

    assert {} == await claimed(world)
    await world.end("w1", job, Completed(b""))
    assert {"next": "text of z"} == await claimed(world)


@pytest.mark.parametrize("outcome", [Completed(b""), Failed("why"), Cancelled("why")])
async def test_a_running_job_lets_it_start_at_once_however_it_ends(world, outcome):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.woken()
    await world.end("w1", job, outcome)

    assert await world.woken()
    assert ["next"] == list(await claimed(world))


@pytest.mark.parametrize("outcome", [Retried(1000), Snoozed(1000), Interrupted(), Crashed()])
async def test_a_running_job_that_will_run_again_holds_it_back(world, outcome):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    for _ in range(3):
        await world.end("w1", job, outcome, Record(attempts=1))
        world.now += 61 * SECOND  # past the time at which the other is looked at
        world.renew("w1")
        (job,) = (await world.claim()).jobs
        assert "first" == job.unique
    await world.end("w1", job, Completed(b""))

    assert ["next"] == list(await claimed(world))


async def test_a_job_that_waits_for_its_retry_lets_it_start_when_it_is_cancelled(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.end("w1", job, Retried(HOUR), Record(attempts=1))
    world.now += 61 * SECOND
    assert {} == await claimed(world)
    await world.cancel("a:first")

    assert ["next"] == list(await claimed(world))


async def test_a_running_job_holds_it_back_when_its_worker_dies_until_it_is_given_up_as_poison(world):
    await world.join("w1", "a")
    await running(world)
    await put(world, "next")
    for n in range(1, POISON):
        await world.bury(f"w{n}")
        await world.join(f"w{n + 1}", "a")
        assert ["first"] == list(await claimed(world, f"w{n + 1}"))
    await world.bury(f"w{POISON}")
    await world.join("last", "a")

    assert "failed" == await world.state("a:first")
    assert ["next"] == list(await claimed(world, "last"))


async def test_a_running_job_holds_it_back_while_it_is_parked(world):
    await world.join("w1", "a")
    await world.end("w1", await running(world), Parked("why"))
    assert "first" == await put(world, "x")  # nobody behind: it takes the payload itself
    (job,) = (await world.claim()).jobs
    await put(world, "next")
    await world.end("w1", job, Parked("why"))
    world.now += HOUR
    assert {} == await claimed(world)

    await world.retry("a:first")
    assert ["first"] == list(await claimed(world))


async def test_a_running_job_has_its_key_again_when_its_successor_is_cancelled(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.cancel("a:next")

    assert "other" == await put(world, "other")
    assert {} == await claimed(world)
    await world.end("w1", job, Completed(b""))
    assert ["other"] == list(await claimed(world))


@pytest.mark.parametrize("state", [State.DELAYED, State.WAITING])
async def test_a_running_job_and_its_successor_may_be_purged(world, state):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.end("w1", job, Retried(0), Record(attempts=1))
    assert 1 == await purge(world.store, "a", state)

    if state is State.DELAYED:
        assert "first" == await put(world, "x")
    else:
        assert ["next"] == list(await claimed(world))


async def test_a_running_job_and_its_successor_may_be_purged_together(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.end("w1", job, Retried(HOUR), Record(attempts=1))
    assert 2 == await purge(world.store, "a", State.DELAYED)

    left = await world.dump()
    assert {} == left.get("keys:a", {}) | left.get("behind:a", {}) | left.get("payload:a", {})
    assert "new" == await put(world, "new")


async def test_a_running_job_that_is_being_cancelled_holds_it_back(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    assert "active" == await world.cancel("a:first", "why")
    world.now += 2 * MINUTE
    world.renew("w1")
    assert {} == await claimed(world)

    await world.end("w1", job, Completed(b""))
    assert ["next"] == list(await claimed(world))


async def test_a_running_job_and_its_successor_with_a_delay_of_its_own(world):
    await world.join("w1", "a")
    job = await running(world)
    began = world.now
    await put(world, "next", when="+30000")
    world.now += 20 * SECOND
    await put(world, "x", when="+30000")
    await world.end("w1", job, Completed(b""))

    assert began + 50 * SECOND == (await world.info("a:next")).due_ms
    await put(world, "x", when="+300000", max_wait_ms=100_000)
    assert began + 100 * SECOND == (await world.info("a:next")).due_ms


async def test_a_running_job_and_a_successor_that_expires_behind_it(world):
    await world.join("w1", "a")
    await running(world)
    await put(world, "next", expires_ms=1_000)
    world.now += 61 * SECOND
    world.renew("w1")
    await world.claim()

    assert "failed" == await world.state("a:next")
    assert "x" == await put(world, "x")
    assert {} == await claimed(world)


async def test_a_successor_counts_as_a_new_job_and_only_once(world):
    await world.join("w1", "a", max_waiting=1)
    await running(world)
    assert "next" == await put(world, "next")
    assert "next" == await put(world, "x")

    with pytest.raises(QueueFull):
        await put(world, "y", key="other")


async def test_no_successor_is_made_in_a_full_queue(world):
    await world.join("w1", "a", max_waiting=1)
    await running(world)
    await world.enqueue("a", "other")

    with pytest.raises(QueueFull):
        await put(world, "next")


async def test_a_dead_job_is_not_retried_beside_its_successor(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.end("w1", job, Failed("why"))

    with pytest.raises(KeyHeld, match="a:next"):
        await world.retry("a:first")


async def test_a_follow_up_with_its_key_is_a_new_job(world):
    await world.join("w1", "a")
    job = await running(world)
    await world.end("w1", job, Completed(b""), follow_ups=[world.job("a", "again", **KEY)])

    assert ["again"] == list(await claimed(world))


async def test_a_chain_of_successors_runs_one_by_one(world):
    await world.join("w1", "a")
    job = await running(world)
    for n in range(5):
        assert f"n{n}" == await put(world, f"n{n}")
        assert {} == await claimed(world)
        await world.end("w1", job, Completed(b""))
        (job,) = (await world.claim()).jobs
        assert f"n{n}" == job.unique


async def test_a_successor_is_explained_by_the_job_it_waits_for(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    world.now += 5 * SECOND

    found = explain(await standing.read(world.store, "a:next"))
    assert [("same-key", "waits for the end of the job with the same key: a:first on w1 for 5s")] == [
        (reason.code, reason.text) for reason in found.reasons
    ]
    assert ["a:first"] == [each.id for each in found.reasons[0].held_by]

    await world.end("w1", job, Retried(HOUR), Record(attempts=1))
    found = explain(await standing.read(world.store, "a:next"))
    assert "waits for the end of the job with the same key: a:first, which does not run now" == found.reasons[0].text
    await world.cancel("a:first")
    assert ["next"] == [reason.code for reason in explain(await standing.read(world.store, "a:next")).reasons]


@pytest.mark.parametrize("name", ["keys", "behind"])
async def test_evicted_keys_of_exclusion_never_hold_a_successor_back_for_ever_nor_start_it_early(world, name):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.store.redis.delete(getattr(world.store.keys, name)("a"))
    world.now += 61 * SECOND
    world.renew("w1")
    assert {} == await claimed(world)
    await world.end("w1", job, Completed(b""))
    world.now += 61 * SECOND
    world.renew("w1")

    assert ["next"] == list(await claimed(world))
    assert {} == (await examine(world.store)).troubles
    (again,) = await world.store.redis.zrange(world.store.keys.active("a"), 0, -1)
    await world.leave("w1")
    await world.cancel(f"a:{again.decode()}")


async def test_evicted_payloads_leave_no_successor_waiting_for_nobody(world):
    await world.join("w1", "a")
    job = await running(world)
    await put(world, "next")
    await world.end("w1", job, Retried(0), Record(attempts=1))
    await world.store.redis.hdel(world.store.keys.payload("a"), "first")
    await world.claim()

    assert "failed" == await world.state("a:first")
    assert {"behind": ["a:next"]} == (await examine(world.store, repair=True)).troubles
    assert ["next"] == list(await claimed(world))
