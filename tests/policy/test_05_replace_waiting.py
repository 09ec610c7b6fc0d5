"""``mode = "replace"``: a job that waits takes the new payload."""

import pytest

from jobframe.core.outcome import Completed, Parked, Retried
from jobframe.store.codec import Record
from jobframe.store.notes import mark_step
from tests.conformance.world import HOUR, MINUTE, SECOND
from tests.policy.equal import KEY, claimed, due, put, running


async def test_a_waiting_job_takes_the_newest_payload_and_runs_once(world):
    await world.join("w1", "a")

    assert ["x", "x", "x"] == [await put(world, unique, f"text of {unique}") for unique in ("x", "y", "z")]

    assert {"x": "text of z"} == await claimed(world)
    assert {} == await claimed(world)


async def test_a_waiting_job_takes_it_also_within_one_call(world):
    await world.join("w1", "a")
    call = [world.job("a", unique, body=f'"{unique}"'.encode(), **KEY) for unique in ("x", "y", "z")]

    assert [None, "x", "x"] == await world.send(*call)
    assert {"x": "z"} == await claimed(world)


async def test_a_waiting_job_stays_as_delayed_as_it_was_when_no_delay_is_given(world):
    await world.join("w1", "a")
    await put(world, "x", when="+60000")
    world.now += 10 * SECOND
    await put(world, "y")

    assert 50 * SECOND == await due(world, "x")


async def test_a_waiting_job_is_put_off_by_each_delay_up_to_ten_of_them_after_its_first_enqueue(world):
    await world.join("w1", "a")
    await put(world, "x", when="+30000")
    began = world.now
    dues = []
    for _ in range(20):
        world.now += 20 * SECOND
        await put(world, "y", when="+30000")
        dues.append((await world.info("a:x")).due_ms - began)
        if dues[-1] <= world.now - began:
            break

    assert [n * 20 * SECOND + 30 * SECOND for n in range(1, 14)] == dues[:13]
    assert [300 * SECOND] == sorted(set(dues[13:]))
    assert ["x"] == list(await claimed(world))


async def test_a_waiting_job_is_put_off_no_longer_than_max_wait(world):
    await world.join("w1", "a")
    await put(world, "x", when="+30000", max_wait_ms=40_000)
    world.now += 20 * SECOND
    await put(world, "y", when="+30000", max_wait_ms=40_000)

    assert 20 * SECOND == await due(world, "x")


async def test_a_waiting_job_that_was_due_already_waits_again_with_a_delay(world):
    await world.join("w1", "a")
    await put(world, "x")
    await put(world, "y", when="+1000")

    assert {} == await claimed(world)
    world.now += SECOND
    assert ["x"] == list(await claimed(world))


async def test_a_waiting_job_starts_anew_when_it_waited_for_a_retry(world):
    await world.join("w1", "a")
    job = await running(world)
    await mark_step(world.store, "w1", "a:first", job.fence, "mailed")
    await world.end("w1", job, Retried(HOUR), Record(attempts=3, crashes=1))
    await put(world, "y", "new", when="+1000")
    info = await world.info("a:first")

    assert (0, 0, (), SECOND) == (info.attempts, info.crashes, info.steps, await due(world, "first"))
    world.now += SECOND
    (again,) = (await world.claim()).jobs
    assert b"" == again.record


async def test_a_waiting_job_is_released_when_it_was_parked(world):
    await world.join("w1", "a")
    await world.end("w1", await running(world), Parked("too new: payload version 7"))
    await put(world, "y", "readable")

    assert {"first": "readable"} == await claimed(world)
    left = await world.dump()
    assert {} == left.get("reason:a", {}) | left.get("needs:a", {}) | left.get("parked:a", {})


async def test_a_waiting_job_expires_so_long_after_its_newest_payload(world):
    await world.join("w1", "a")
    await put(world, "x", expires_ms=10_000, when="+8000")
    world.now += 6 * SECOND
    await put(world, "y", expires_ms=10_000, when="+8000")
    world.now += 8 * SECOND

    assert ["x"] == list(await claimed(world))


@pytest.mark.parametrize("priorities", [("low", "high"), ("high", None), (None, "low")])
async def test_a_waiting_job_goes_where_its_new_priority_stands(world, priorities):
    await world.join("w1", "a")
    for unique, priority in zip(("x", "y"), priorities, strict=True):
        await put(world, unique, priority=priority)

    assert 1 == (await world.counts("a"))["waiting"]
    assert ["x"] == list(await claimed(world))


async def test_a_waiting_job_keeps_the_record_of_an_id_that_was_given(world):
    await world.join("w1", "a", keep_result_ms=0, keep_completed=0)
    await put(world, "x", given=True)
    await put(world, "y")
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, Completed(b""))
    await world.sweep()

    assert "completed" == await world.state("a:x")


async def test_a_waiting_job_wakes_a_worker_for_an_earlier_time(world):
    await world.join("w1", "a")
    await put(world, "x", when="+60000")
    await world.claim()
    await world.woken()
    await put(world, "y", when="+1000")

    assert await world.woken()


async def test_a_waiting_job_takes_nothing_from_a_call_that_is_sent_again(world):
    await world.join("w1", "a")
    call = [world.job("a", "x", body=b'"old"', **KEY)]
    await world.send(*call, number=1)
    await world.send(world.job("a", "y", body=b'"new"', **KEY), client="c2")

    assert [None] == await world.send(*call, number=1)
    assert {"x": "new"} == await claimed(world)


async def test_a_waiting_job_of_a_paused_type_takes_the_payload_too(world):
    await world.join("w1", "a")
    await put(world, "x")
    await world.pause("a")
    assert "x" == await put(world, "y", "new")
    assert {} == await claimed(world)
    await world.pause("a", "resume")

    assert {"x": "new"} == await claimed(world)


async def test_a_window_ends_with_the_job_so_that_a_later_payload_is_a_job_of_its_own(world):
    await world.join("w1", "a")
    await world.end("w1", await running(world, window_ms=10 * MINUTE), Completed(b""))

    assert "x" == await put(world, "x", window_ms=10 * MINUTE)


async def test_a_window_that_has_lapsed_leaves_the_waiting_job_as_it_is(world):
    await world.join("w1", "a")
    await put(world, "x", window_ms=MINUTE, when=f"+{HOUR}")
    world.now += MINUTE

    assert "y" == await put(world, "y", window_ms=MINUTE)


async def test_a_window_shorter_than_a_run_still_lets_the_successor_start_at_once(world):
    await world.join("w1", "a")
    job = await running(world, window_ms=MINUTE)
    await put(world, "next", window_ms=MINUTE)
    for _ in range(12):
        world.now += 10 * SECOND
        world.renew("w1")
        await world.sweep()
        assert {} == await claimed(world)
    await world.end("w1", job, Completed(b""))

    assert ["next"] == list(await claimed(world))
