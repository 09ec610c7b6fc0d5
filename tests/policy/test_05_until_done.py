"""``unique`` with the window ``until-done``: one live job a key; its end frees the key, whatever is kept of it."""

import pytest

from jobframe.core.errors import QueueFull
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.core.unique import Unique
from jobframe.store.codec import Record
from jobframe.store.doctor import examine
from jobframe.store.operate import KeyHeld
from tests.conformance.machine.model import POISON
from tests.conformance.world import DAY, MINUTE, SECOND


async def test_a_waiting_a_delayed_a_running_and_a_parked_job_are_found(world):
    await world.join("w1", "a")
    await world.enqueue("a", "delayed", key="d", when="+60000")
    running = await world.start("w1", "a", "running", key="r")
    parked = await world.start("w1", "a", "parked", key="p")
    await world.end("w1", parked, Parked("why"))
    await world.enqueue("a", "waiting", key="w")

    found = [(await world.enqueue("a", f"other-{key}", key=key))[0] for key in "drpw"]

    assert ["delayed", "running", "parked", "waiting"] == found
    assert await world.end("w1", running, Completed(b"1"))


@pytest.mark.parametrize("outcome", [Completed(b"1"), Failed("why"), Cancelled("why")])
async def test_a_kept_result_or_a_dead_letter_never_blocks_a_new_job(world, outcome):
    await world.join("w1", "a", keep_result_ms=DAY)
    for n in range(3):
        job = await world.start("w1", "a", f"j{n}", key="k")
        assert await world.end("w1", job, outcome)
        assert outcome.__class__.__name__.lower() == await world.state(f"a:j{n}")


@pytest.mark.parametrize("outcome", [Retried(0), Snoozed(0), Interrupted(), Crashed()])
async def test_a_job_that_will_run_again_keeps_its_key(world, outcome):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", key="k")
    await world.end("w1", job, outcome, Record(attempts=1))

    assert ["x"] == await world.enqueue("a", "y", key="k")


async def test_a_job_taken_back_from_a_dead_worker_keeps_its_key_until_it_is_given_up_as_poison(world):
    await world.enqueue("a", "x", key="k")
    for n in range(POISON):
        assert ["x"] == await world.enqueue("a", "y", key="k")
        await world.join(f"w{n}", "a")
        assert ["x"] == [job.unique for job in (await world.claim(f"w{n}")).jobs]
        await world.bury(f"w{n}")

    assert "failed" == await world.state("a:x")
    assert [None] == await world.enqueue("a", "y", key="k")


async def test_a_job_that_expires_or_is_cancelled_or_purged_frees_its_key(world):
    await world.join("w1", "a")
    await world.enqueue("a", "late", key="k", expires_ms=SECOND)
    world.now += MINUTE
    await world.claim()
    assert [None] == await world.enqueue("a", "cancelled", key="k")
    await world.cancel("a:cancelled")
    assert [None] == await world.enqueue("a", "purged", key="k")
    await world.store.run("purge", "a", "waiting", 0, 100)

    assert [None] == await world.enqueue("a", "last", key="k")


async def test_a_holder_whose_payload_was_evicted_holds_nothing(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", key="k")
    await world.store.redis.delete(world.store.keys.payload("a"))

    assert [None] == await world.enqueue("a", "y", key="k")
    await examine(world.store, repair=True)


async def test_a_dead_job_is_not_retried_while_a_live_one_has_its_key(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "dead", key="k"), Failed("why"))
    await world.enqueue("a", "live", key="k")

    with pytest.raises(KeyHeld, match="a:live holds the same key"):
        await world.retry("a:dead")

    await world.cancel("a:live")
    await world.retry("a:dead")
    assert ["dead"] == await world.enqueue("a", "y", key="k")


async def test_a_call_sent_again_answers_as_before_though_its_job_has_ended(world):
    await world.join("w1", "a")
    call = [world.job("a", "x", key="k"), world.job("a", "y", key="k")]
    assert [None, "x"] == await world.send(*call, number=1)
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, Completed(b""))

    assert [None, "x"] == await world.send(*call, number=1)
    assert [] == (await world.claim()).jobs


async def test_a_full_queue_takes_what_finds_its_equal(world):
    await world.join("w1", "a", max_waiting=1)
    await world.enqueue("a", "x", key="k")

    assert ["x"] == await world.enqueue("a", "y", key="k")
    with pytest.raises(QueueFull):
        await world.enqueue("a", "z", key="other")


async def test_keys_of_different_types_are_strangers(world):
    await world.join("w1", "a", "b", unique=Unique(("n",)))

    assert [None, None] == await world.send(world.job("a", "x", key="k"), world.job("b", "x", key="k"))
