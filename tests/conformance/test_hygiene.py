"""What is left in the server: a known set of keys, none of which grows with the jobs that have ended."""

from jobframe.core.outcome import Cancelled, Completed, Failed, Parked, Retried
from jobframe.core.progress import Progress
from jobframe.store.codec import Record
from jobframe.store.notes import Report, mark_step, write_progress
from tests.conformance.world import DAY, HOUR

KEPT_FOR_A_TYPE = {"counters", "total", "history"}
KEPT_FOR_ALL = {"control", "types", "limits", "digests", "runs-in", "passes"}


async def live_through_everything(world):
    """Let jobs of two types end in every way, under keys and chosen ids, with waiters, crashes, cancels and pauses."""
    await world.join("w1", "a", "b", keep_failed_ms=DAY)
    await world.join("w2", "a", "b", keep_failed_ms=2 * DAY, concurrency=50)
    await world.join("w1", "a", "b", joining=False, apply=False)
    options = ({}, {"given": True}, {"key": "k"}, {"priority": "low"}, {"expires_ms": 5}, {"when": "+1"})
    for name in "ab":
        await world.send(*(world.job(name, **each) for each in options for _ in range(8)))
    world.now += 1
    first = (await world.claim("w1", 20, quantum=1)).jobs
    await world.await_result(f"{first[0].type}:{first[0].unique}")
    ends = (Completed(b"1"), Failed("why"), Cancelled("why"), Parked("why"), Retried(0))
    for i, job in enumerate(first[:-1]):
        await mark_step(world.store, "w1", f"{job.type}:{job.unique}", job.fence, "charge")
        await write_progress(
            world.store, "w1", [Report(f"{job.type}:{job.unique}", job.fence, Progress(1, 2, "pages"))]
        )
        follow_ups = [world.job("b", key=f"k{i}")]
        await world.end("w1", job, ends[i % 5], Record(attempts=1), wait_ms=5, run_ms=5, follow_ups=follow_ups)
    await world.cancel(f"{first[-1].type}:{first[-1].unique}")
    await world.bury("w1")
    world.now += 10
    await world.pause("a")
    await world.pause("a", "resume")
    while jobs := (await world.claim("w2", 1000)).jobs:
        await world.complete("w2", jobs)
    for key in [key for key in await world.dump() if key.startswith("parked:")]:
        for unique in (await world.dump())[key]:
            await world.cancel(f"{key.removeprefix('parked:')}:{unique}")
    await world.leave("w2")


async def test_when_all_has_ended_and_its_time_is_over_only_the_known_keys_are_left(world):
    await live_through_everything(world)
    for hours in (1, 24, 24, 24 * 9):
        world.now += hours * HOUR
        await world.sweep()
        await world.sweep()

    left = {f"{key}:{name}" for key in KEPT_FOR_A_TYPE for name in "ab"} | KEPT_FOR_ALL
    markers = {f"wake:{lane}" for lane in world.lanes.values()}
    assert left == (await world.dump()).keys() - markers


async def test_what_is_left_of_a_life_does_not_grow_with_further_ones(world):
    sizes = []
    for _ in range(3):
        await live_through_everything(world)
        for _ in range(4):
            world.now += 9 * DAY
            await world.sweep()
        sizes.append({key: len(fields) for key, fields in (await world.dump()).items()})

    assert sizes[1] == sizes[2]
