"""``unique`` with a window: an equal job is found so long from the enqueue that made it, ended or not."""

import pytest

from jobframe.core.errors import JobNotFound
from jobframe.core.job import State
from jobframe.core.outcome import Cancelled, Completed, Failed
from jobframe.store.doctor import examine
from jobframe.store.operate import KeyHeld
from jobframe.store.purge import purge
from tests.conformance.world import DAY, HOUR, MINUTE, SECOND

WINDOW = {"key": "k", "window_ms": 10 * MINUTE}


@pytest.mark.parametrize("outcome", [Completed(b"1"), Failed("why"), Cancelled("why")])
async def test_a_job_that_has_ended_is_found_until_the_window_lapses(world, outcome):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", **WINDOW)
    world.now += MINUTE
    await world.end("w1", job, outcome)
    world.now += 9 * MINUTE - 1

    assert ["x"] == await world.enqueue("a", "y", **WINDOW)
    world.now += 1
    assert [None] == await world.enqueue("a", "y", **WINDOW)
    assert ["y"] == await world.enqueue("a", "z", **WINDOW)


async def test_a_window_counts_from_the_enqueue_and_not_from_the_last_duplicate(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", **WINDOW)
    for _ in range(9):
        world.now += MINUTE
        assert ["x"] == await world.enqueue("a", "y", **WINDOW)
    world.now += MINUTE

    assert [None] == await world.enqueue("a", "y", **WINDOW)


async def test_after_its_window_a_job_that_still_waits_makes_room_for_another(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when=f"+{HOUR}", **WINDOW)
    world.now += 10 * MINUTE

    assert [None] == await world.enqueue("a", "y", **WINDOW)
    await world.cancel("a:x")
    assert ["y"] == await world.enqueue("a", "z", **WINDOW)


async def test_a_duplicate_whose_job_is_no_longer_kept_is_not_made_and_says_so(world):
    await world.join("w1", "a", keep_result_ms=MINUTE)
    await world.end("w1", await world.start("w1", "a", "x", **WINDOW), Completed(b"1"))
    world.now += 2 * MINUTE
    await world.sweep()

    assert ["x"] == await world.enqueue("a", "y", **WINDOW)
    with pytest.raises(JobNotFound):
        await world.info("a:x")


async def test_windows_that_have_lapsed_are_forgotten_by_the_sweep(world):
    await world.join("w1", "a")
    await world.enqueue("a", *(f"j{n}" for n in range(300)), key="same", window_ms=MINUTE)
    await world.send(*(world.job("a", f"k{n}", key=f"k{n}", window_ms=MINUTE) for n in range(256)))
    world.now += MINUTE
    for _ in range(2):
        world.now += 10 * SECOND
        await world.sweep()

    left = await world.dump()
    assert ([], []) == (list(left.get("lapses:a", {})), list(left.get("keys:a", {})))


async def test_a_stream_of_new_keys_keeps_no_more_than_those_of_one_window(world):
    await world.join("w1", "a")
    for n in range(50):
        await world.send(*(world.job("a", key=f"{n}-{m}", window_ms=5 * SECOND) for m in range(20)))
        world.now += SECOND

    assert len((await world.dump())["keys:a"]) <= 5 * 20


async def test_a_shorter_window_in_force_holds_at_the_next_enqueue(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", key="k", window_ms=DAY), Completed(b""))

    assert ["x"] == await world.enqueue("a", "y", **WINDOW)
    world.now += 10 * MINUTE
    assert [None] == await world.enqueue("a", "y", **WINDOW)


async def test_a_window_that_another_clock_wrote_lasts_no_longer_than_a_window(world):
    await world.join("w1", "a")
    world.now += DAY
    await world.enqueue("a", "x", **WINDOW)
    world.now -= DAY  # a failover to an older clock

    assert ["x"] == await world.enqueue("a", "y", **WINDOW)
    world.now += 10 * MINUTE
    assert [None] == await world.enqueue("a", "y", **WINDOW)


async def test_until_done_in_force_asks_for_a_live_job_only(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", **WINDOW), Completed(b""))

    assert [None] == await world.enqueue("a", "y", key="k")
    world.now += 10 * MINUTE
    await world.sweep()
    assert ["y"] == await world.enqueue("a", "z", key="k")  # the window of the other did not free its key


async def test_a_job_purged_before_it_ran_is_not_found_any_more(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", **WINDOW)
    assert 1 == await purge(world.store, "a", State.WAITING)

    assert [None] == await world.enqueue("a", "y", **WINDOW)


async def test_a_dead_job_is_retried_within_its_window_and_found_as_before(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", **WINDOW), Failed("why"))
    await world.retry("a:x")

    assert ["x"] == await world.enqueue("a", "y", **WINDOW)


async def test_a_dead_job_is_not_retried_while_a_live_one_is_in_its_window(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "dead", **WINDOW), Failed("why"))
    world.now += 10 * MINUTE
    (live,) = [await world.start("w1", "a", "live", **WINDOW)]
    with pytest.raises(KeyHeld, match="a:live"):
        await world.retry("a:dead")
    await world.end("w1", live, Completed(b""))

    await world.retry("a:dead")

    assert ["dead"] == await world.enqueue("a", "y", **WINDOW)


async def test_the_doctor_leaves_the_keys_of_windows_alone(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", **WINDOW), Completed(b""))

    assert {} == (await examine(world.store, repair=True)).troubles
    assert ["x"] == await world.enqueue("a", "y", **WINDOW)


async def test_many_equal_jobs_of_one_call_are_one(world):
    await world.join("w1", "a")

    assert [None, "x", "x"] == await world.enqueue("a", "x", "y", "z", **WINDOW)
