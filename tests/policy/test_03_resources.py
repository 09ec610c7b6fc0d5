"""``[resources]``: several types share what there is, exactly and over all workers; a slot of a job is its share."""

import attrs
import pytest

from jobframe.client.explanation import explain
from jobframe.config.changes import Load, changes
from jobframe.core.outcome import Cancelled, Completed, Failed, Interrupted, Parked, Retried
from jobframe.core.policy import Policy
from jobframe.core.rate import Rate
from jobframe.core.resource import Use
from jobframe.store import explain as standing
from jobframe.store import policies
from jobframe.store.codec import Record
from tests.conformance.world import SECOND, job_type, names
from tests.fleet.workers import until


def gpu(amount, capacity):
    return (Use("gpu", amount, capacity),)


async def share(world, **uses):
    """Let one worker run types that use so many units of a resource of two."""
    for name, amount in uses.items():
        await world.join(f"w-{name}", name, uses=gpu(amount, 2))
    await world.join("w1", *uses, apply=False)


async def test_types_start_together_no_more_than_there_is(world):
    await share(world, a=1, b=1)
    await world.enqueue("a", "1", "2", "3")
    await world.enqueue("b", "1", "2", "3")

    assert 2 == len((await world.claim()).jobs)
    assert [] == names(await world.claim())


async def test_every_type_gets_its_share(world):
    await share(world, a=1, b=1)
    await world.enqueue("a", *map(str, range(20)))
    await world.enqueue("b", *map(str, range(20)))
    started = []
    jobs = (await world.claim(room=1)).jobs
    for _ in range(20):
        jobs += (await world.claim(room=1)).jobs
        started.append(jobs[0].type)
        assert await world.end("w1", jobs.pop(0), Completed())

    assert 8 <= started.count("a") <= 12


@pytest.mark.parametrize(
    "outcome", [Completed(), Failed("why"), Cancelled("why"), Parked("why"), Retried(5_000)], ids=repr
)
async def test_however_a_job_ends_another_type_starts_in_its_place(world, outcome):
    await share(world, a=2, b=1)
    job = await world.start("w1", "a", "first")
    await world.enqueue("b", "next")
    assert [] == names(await world.claim())
    await world.woken()

    assert await world.end("w1", job, outcome, Record(attempts=1))

    assert await world.woken()
    assert ["b:next"] == names(await world.claim())


async def test_a_job_that_takes_more_than_is_free_waits_and_stands_in_nobodys_way(world):
    await share(world, a=1, b=2)
    first = await world.start("w1", "a", "first")
    await world.enqueue("b", "both")
    await world.enqueue("a", "second")

    second = (await world.claim()).jobs
    assert ["second"] == [job.unique for job in second]
    await world.complete("w1", [first, *second])

    assert ["b:both"] == names(await world.claim("w1", 1))
    assert [] == names(await world.claim())


async def test_a_dead_workers_units_come_back_with_its_jobs(world):
    await share(world, a=2, b=2)
    await world.start("w1", "a", "first")
    await world.join("w2", "a", "b", apply=False)
    await world.enqueue("b", "next")

    await world.bury("w1")

    assert names(await world.claim("w2")) in (["a:first"], ["b:next"])


async def test_a_leaving_worker_gives_its_units_back(world):
    await share(world, a=2, b=2)
    await world.start("w1", "a", "first")
    await world.join("w2", "b", apply=False)
    await world.enqueue("b", "next")

    await world.leave("w1")

    assert ["b:next"] == names(await world.claim("w2", lanes={world.lanes["b"]: 5}))


async def test_a_thread_that_may_run_on_keeps_its_unit_until_its_process_has_surely_ended(world):
    await share(world, a=2, b=1)
    job = await world.start("w1", "a", "thread")
    await world.enqueue("b", "next")
    await world.end("w1", job, Interrupted(3 * SECOND))
    await world.pause("a")

    assert [] == names(await world.claim())
    assert "ending" in (await reasons(world, "b:next"))["resource"]
    world.now += 3 * SECOND + 1
    assert ["b:next"] == names(await world.claim())


async def test_cancelling_a_job_that_nobody_holds_frees_its_units(world):
    await share(world, a=2, b=1)
    await world.start("w1", "a", "first")
    await world.enqueue("b", "next")
    await world.store.redis.delete(world.store.keys.held("w1"))

    assert "cancelled" == await world.cancel("a:first")

    assert ["b:next"] == names(await world.claim())


async def test_a_job_uses_several_resources_and_the_scarcest_decides(world):
    await world.join("w1", "a", uses=(Use("gpu", 1, 9), Use("licence", 2, 5)))
    await world.enqueue("a", "1", "2", "3")

    assert ["a:1", "a:2"] == names(await world.claim())


async def test_resources_hold_beside_concurrency_and_rate(world):
    await world.join("w1", "a", uses=gpu(1, 9), concurrency=2, rate_limit=Rate(1, SECOND))
    await world.enqueue("a", *map(str, range(9)))
    started = []
    for _ in range(4):
        started.append(len((await world.claim()).jobs))
        world.now += SECOND

    assert [1, 1, 0, 0] == started


async def apply(world, name, **policy):
    return await policies.apply(world.store, [policies.document(job_type(name), Policy(**policy), "me@box")])


async def test_more_of_a_resource_holds_at_the_next_claim_of_any_type(world):
    await share(world, a=2, b=1)
    await world.start("w1", "a", "first")
    await world.enqueue("b", "1", "2", "3")
    assert [] == names(await world.claim())

    await apply(world, "a", uses=gpu(2, 4))

    assert ["b:1", "b:2"] == names(await world.claim())


async def test_with_less_of_a_resource_what_runs_goes_on_and_nothing_starts_until_there_is_room(world):
    await share(world, a=1)
    world.lowered.add("gpu")
    await world.enqueue("a", "1", "2", "3", "4")
    jobs = (await world.claim()).jobs
    await apply(world, "a", uses=gpu(1, 1))

    assert await world.end("w1", jobs[0], Completed())
    assert [] == names(await world.claim())
    assert await world.end("w1", jobs[1], Completed())
    assert ["a:3"] == names(await world.claim())


async def test_a_type_that_no_longer_uses_a_resource_frees_what_it_used(world):
    await share(world, a=2, b=1)
    await world.start("w1", "a", "first")
    await world.enqueue("b", "next")
    assert [] == names(await world.claim())

    await apply(world, "a")

    assert ["b:next"] == names(await world.claim())
    assert {b"b": b"gpu:1"} == await world.store.redis.hgetall(world.store.keys.uses)


async def test_what_runs_when_a_type_comes_to_use_a_resource_counts(world):
    await world.join("w1", "a", "b")
    await world.start("w1", "a", "1")
    await world.start("w1", "a", "2")
    await world.enqueue("b", "next")

    await apply(world, "b", uses=gpu(1, 2))
    await apply(world, "a", uses=gpu(1, 2))

    assert [] == names(await world.claim())


async def test_a_type_without_uses_never_looks_at_resources(world):
    """Two claims of it, one beside a hundred types that share a resource, send the server the same commands."""
    await world.join("w1", "plain")
    counts = [await commands_of_a_claim(world)]
    many = [f"t{n}" for n in range(100)]
    await world.join("w2", *many, uses=gpu(1, 2))
    await world.join("w1", "plain", joining=False, apply=False)

    assert [*counts, counts[0]] == [*counts, await commands_of_a_claim(world)]


async def commands_of_a_claim(world):
    await world.enqueue("plain", *map(str, range(5)))
    before = await world.store.redis.info("commandstats")
    jobs = (await world.claim("w1", lanes={world.lanes["plain"]: 5})).jobs
    after = await world.store.redis.info("commandstats")
    await world.complete("w1", jobs)
    calls = {name: each["calls"] - before.get(name, {"calls": 0})["calls"] for name, each in after.items()}
    return {name: count for name, count in calls.items() if count and name != "cmdstat_info"}


async def reasons(world, id):
    before = await world.dump()
    found = explain(await standing.read(world.store, id))
    assert before == await world.dump()
    return {reason.code: reason.text for reason in found.reasons}


async def test_explain_says_which_resource_is_used_up_and_by_whom(world):
    await share(world, a=1, b=2)
    await world.start("w1", "a", "first")
    await world.enqueue("b", "both")
    world.now += 40 * SECOND
    await world.join("w1", "a", "b", joining=False, apply=False)
    world.renew("w1")

    assert {
        "resource": "waiting for 2 of resource `gpu`, 1/2 in use: held by a:first on w1 for 40s",
    } == await reasons(world, "b:both")
    found = explain(await standing.read(world.store, "b:both"))
    assert ["a:first"] == [each.id for each in found.reasons[0].held_by]


def test_a_plan_tells_of_more_and_of_less():
    before, after = Policy(uses=gpu(1, 2)), Policy(uses=gpu(1, 4))

    assert [("resources.gpu", "2", "4", "7 waiting")] == [
        attrs.astuple(each)[1:] for each in changes("a", before, after, Load(7, 2))
    ]
    assert [("uses", "[]", '["gpu:1"]', "")] == [
        attrs.astuple(each)[1:] for each in changes("a", Policy(), after, Load(0, 2))
    ]


SHARED = """
[resources]
gpu = {}
[jobs."work.loop"]
uses = ["gpu:1"]
[jobs."work.other"]
uses = ["gpu:2"]
"""


@pytest.mark.slow
async def test_killed_workers_never_let_two_types_take_more_than_there_is(fleet):
    fleet.configure(SHARED.format(3))
    workers = await fleet.start(4)
    ids = await fleet.enqueue(120, do="sleep", n=20) + await fleet.enqueue(60, "work.other", do="sleep", n=20)
    for begun, worker in ((10, workers[0]), (30, workers[1])):
        await until(lambda begun=begun: sum(fleet.ledger.starts().values()) >= begun, "some have begun")
        fleet.kill(worker)
    counts = await fleet.ended()

    assert 180 == counts["completed"]
    assert set(ids) == set(fleet.ledger.starts())
    assert 2 <= fleet.ledger.most_in_use({"work.loop": 1, "work.other": 2}) <= 3
