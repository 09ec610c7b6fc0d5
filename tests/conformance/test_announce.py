"""Announce: which policy is in force, from which lane a type is claimed, and that nothing is lost when that changes."""

import itertools

import pytest

from jobframe.core.policy import Policy
from jobframe.store import policies
from tests.conformance.world import HOUR, LEASE_MS, MINUTE, SECOND, START_MS, names


async def test_the_first_policy_announced_is_in_force(world):
    answer = await world.join("w1", "a", "b", concurrency=3, priority="high")

    assert {"a", "b"} == answer.keys()
    assert Policy(concurrency=3, priority="high") == answer["a"].policy
    assert (answer["a"].version, answer["a"].at, answer["a"].by) == (1, world.now, "w1")
    assert answer == await policies.read(world.store)
    assert {"b": answer["b"]} == await policies.read(world.store, ["b", "unknown"])


async def test_the_same_policy_again_is_no_change(world):
    first = await world.join("w1", "a")
    renewed = world.renew("w1")

    assert first == await world.join("w2", "a")
    assert renewed.policy == world.renew("w1").policy


async def test_a_worker_that_applies_puts_its_policy_in_force_for_all(world):
    await world.join("w1", "a")
    before = world.renew("w1").policy

    answer = await world.join("w2", "a", max_retries=9)

    assert (answer["a"].policy.max_retries, answer["a"].version, answer["a"].by) == (9, 2, "w2")
    assert world.renew("w1").policy > before
    assert answer == await world.join("w1", "a", joining=False, apply=False)


async def test_a_worker_that_follows_takes_what_is_in_force(world):
    first = await world.join("w1", "a")

    assert first == await world.join("w2", "a", apply=False, max_retries=9)


async def test_a_worker_that_follows_announces_what_nobody_did(world):
    answer = await world.join("w1", "a", apply=False, max_retries=9)

    assert answer["a"].policy.max_retries == 9


async def test_a_file_superseded_after_its_last_edit_is_not_put_in_force_again(world):
    await world.join("old", "a", max_retries=1, edited_ms=START_MS - HOUR)
    await world.join("new", "a", max_retries=2, edited_ms=START_MS - MINUTE)
    world.now += SECOND

    restarted = await world.join("old2", "a", max_retries=1, edited_ms=START_MS - HOUR)
    assert restarted["a"].policy.max_retries == 2

    edited = await world.join("old3", "a", max_retries=1, edited_ms=world.now)
    assert edited["a"].policy.max_retries == 1


async def test_two_files_that_differ_do_not_alternate_when_their_workers_restart(world):
    for life in range(3):
        for file, retries in (("one", 1), ("two", 2)):
            world.now += SECOND
            await world.join(f"{file}{life}", "a", max_retries=retries, edited_ms=START_MS - HOUR)

    in_force = (await policies.read(world.store))["a"]
    assert (in_force.policy.max_retries, in_force.version) == (2, 2)


async def test_each_type_has_a_version_of_its_own(world):
    await world.join("w1", "a", "b")
    await world.join("w1", "b", max_retries=9)

    assert {"a": 1, "b": 2} == {name: each.version for name, each in (await policies.read(world.store)).items()}


async def test_workers_that_run_the_same_types_share_their_lanes(world):
    await world.join("w1", "a", "b")
    lanes = dict(world.lanes)
    await world.join("w2", "b", "a")

    assert lanes == world.lanes
    assert len(set(lanes.values())) == 1


async def test_types_that_run_elsewhere_have_a_lane_of_their_own(world):
    await world.join("w1", "a")
    await world.join("w1", "b", run_in="process")
    await world.join("w1", "a", "b", joining=False, apply=False)

    assert world.lanes["a"].endswith("/loop")
    assert world.lanes["b"].endswith("/process")


async def test_no_worker_is_woken_for_a_type_that_it_does_not_run(world):
    await world.join("w1", "a", "both")
    await world.join("w2", "b", "both")
    await world.join("w1", "a", "both", joining=False, apply=False)
    await world.enqueue("both", "x")
    assert {"x"} == {job.unique for job in (await world.claim("w1", lanes={world.lanes["both"]: 9})).jobs}

    await world.woken()
    await world.enqueue("b", "y")

    assert not await world.store.redis.exists(*(world.store.keys.wake(world.lanes[name]) for name in ("a", "both")))
    assert await world.store.redis.exists(world.store.keys.wake(world.lanes["b"]))


FLEETS = (("a",), ("a", "b"), ("b",), ("a", "b", "c"))


@pytest.mark.parametrize("fleets", list(itertools.permutations(FLEETS, 3)))
async def test_nothing_is_lost_when_workers_of_other_kinds_come_and_go(world, fleets):
    """Jobs wait, come due and run in three lanes in turn, under limits, and each of them ends."""
    await world.join("w9", "a", "b", "c", concurrency=2)
    await world.send(*(world.job(name, when=when) for name in "abc" for when in ("", "", "", "+20000")))
    done = []
    for turn, types in enumerate(fleets):
        await world.join(f"w{turn}", *types, apply=False)
        await world.join("w9", "a", "b", "c", joining=False, apply=False)
        jobs = (await world.claim("w9", 2)).jobs
        world.now += LEASE_MS // 2
        world.renew("w9")
        done += jobs[:1]
        await world.complete("w9", jobs[:1])
    for turn in range(len(fleets)):
        await world.leave(f"w{turn}")
    await world.leave("w9")
    await world.join("w8", "a", "b", "c", apply=False)
    world.now += 20 * SECOND
    while jobs := (await world.claim("w8")).jobs:
        done += jobs
        await world.complete("w8", jobs)

    assert {"completed": 12, "interrupted": 3} == await world.counts()
    assert len({(job.type, job.unique) for job in done}) == 12


async def test_a_lane_that_no_type_is_in_any_more_leaves_nothing_behind(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")
    await world.enqueue("a", "y", when=f"+{HOUR}")
    await world.claim(lanes={world.lanes["a"]: 1})
    await world.enqueue("a", "z", when="+5")
    old = world.lanes["a"]
    await world.join("w2", "a", "b")

    assert old != world.lanes["a"]
    content = await world.dump()
    assert not [key for key in content if key.endswith(old)]
    assert old not in str(content["control"]) + str(content.get("passes"))
    world.now += HOUR
    assert ["a:z", "a:y"] == names(await world.claim("w2"))


async def test_a_job_due_in_the_future_moves_to_the_new_lane_with_its_type(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when="+500")
    await world.claim()
    await world.join("w2", "a", "b")

    assert await world.woken()
    assert (await world.claim("w2")).watch_ms == 500


async def test_a_worker_that_asks_what_is_in_force_does_not_renew_its_lease(world):
    await world.join("w1", "a")
    lease_end = await world.store.redis.zscore(world.store.keys.workers, "w1")
    world.now += SECOND
    await world.join("w1", "a", joining=False, apply=False)

    assert lease_end == await world.store.redis.zscore(world.store.keys.workers, "w1")


@pytest.mark.parametrize("part", ["limits", "types", "digests"])
async def test_a_policy_of_which_a_part_was_evicted_is_put_in_force_again_by_the_next_worker(world, part):
    await world.join("w1", "a", concurrency=1)
    await world.enqueue("a", "x", "y")
    await world.store.redis.delete(f"{world.store.keys.prefix}{part}")

    answer = await world.join("w2", "a", concurrency=1, apply=False)

    assert 1 == answer["a"].policy.concurrency
    assert ["a:x"] == names(await world.claim("w2"))
