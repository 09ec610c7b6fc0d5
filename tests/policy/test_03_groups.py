"""``group``: so many jobs of one tenant at once, tenants in turn, and no claim that looks past those that must wait."""

from collections import Counter

import attrs
import pytest

from jobframe.client.encoder import Encoder
from jobframe.client.explanation import explain
from jobframe.core.errors import PayloadError
from jobframe.core.group import Group
from jobframe.core.job import NewJob, State
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.core.policy import Policy
from jobframe.core.rate import Rate
from jobframe.core.resource import Use
from jobframe.store import doctor, inspect, policies, purge
from jobframe.store import explain as standing
from jobframe.store.codec import Record
from tests.conformance.invariants import broken
from tests.conformance.world import DAY, LEASE_MS, MINUTE, SECOND, World, job_type
from tests.fleet.workers import until

A, B, C = "a" * 16, "b" * 16, "c" * 16


def by(limit):
    return Group("tenant", limit)


async def queue(world: World, group, *uniques, **options):
    assert [None] * len(uniques) == await world.enqueue("t", *uniques, group=group, **options)


async def apply(world, **policy):
    return await policies.apply(world.store, [policies.document(job_type("t"), Policy(**policy), "me@box")])


async def uniques(world, *args, **options):
    return [job.unique for job in (await world.claim(*args, **options)).jobs]


async def test_no_more_of_a_group_run_than_it_says_over_all_workers(world):
    await world.join("w1", "t", group=by(2))
    await world.join("w2", "t", group=by(2))
    await queue(world, A, "a1", "a2", "a3", "a4")
    await queue(world, B, "b1")

    started = await uniques(world, "w1", 2) + await uniques(world, "w2") + await uniques(world, "w1")

    assert {"a1", "a2", "b1"} == set(started)
    assert 3 == len(started)


ENDS = [
    Completed(),
    Failed("why"),
    Cancelled("why"),
    Parked("why"),
    Retried(5_000),
    Snoozed(5_000),
    Interrupted(),
    Crashed(),
]


@pytest.mark.parametrize("outcome", ENDS, ids=repr)
async def test_however_a_job_ends_the_next_of_its_group_starts(world, outcome):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second")
    (first,) = (await world.claim()).jobs
    await world.woken()

    assert await world.end("w1", first, outcome, Record(attempts=1))

    assert await world.woken()
    assert 1 == len(await uniques(world))
    assert [] == await uniques(world)


async def test_a_job_not_yet_due_takes_no_place_and_comes_in_its_turn(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "later", when=f"+{MINUTE}")
    await queue(world, A, "now", "then")

    assert ["now"] == await uniques(world)
    world.now += MINUTE
    assert [] == await uniques(world)
    assert {"waiting": 2, "active": 1} == await world.counts()


async def test_many_that_come_due_at_once_line_up_and_do_not_hold_up_others(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, *(f"a{n:04}" for n in range(1_000)), when=f"+{SECOND}")
    await queue(world, B, "b", when=f"+{SECOND + 1}")
    world.now += MINUTE

    assert ["a0000", "b"] == await uniques(world)
    assert {"waiting": 999, "active": 2} == await world.counts()


async def test_tenants_take_turns_however_many_jobs_one_of_them_has(world):
    await world.join("w1", "t", group=by(2), concurrency=2)
    await queue(world, A, *(f"a{n:03}" for n in range(500)))
    world.now += MINUTE
    await queue(world, B, *(f"b{n}" for n in range(10)))
    await queue(world, C, *(f"c{n}" for n in range(10)))
    order = ""
    running = (await world.claim()).jobs
    for _ in range(30):
        order += running[0].unique[0]
        await world.complete("w1", [running.pop(0)])
        running += (await world.claim()).jobs

    assert 8 <= min(Counter(order[:30]).values())


async def test_a_tenant_that_comes_one_by_one_does_not_overtake_for_ever(world):
    await world.join("w1", "t", group=by(1), concurrency=1)
    await queue(world, B, "b0")
    await queue(world, B, "b1")
    await queue(world, A, "a0")
    seen = []
    for n in range(1, 6):
        (job,) = (await world.claim()).jobs
        seen.append(job.unique)
        await queue(world, A, f"a{n}")
        await world.complete("w1", [job])

    assert {"b0", "b1"} <= set(seen)


async def test_within_a_group_priority_and_due_time_decide(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "runs")
    running = (await world.claim()).jobs
    await queue(world, A, "low", priority="low")
    await queue(world, A, "normal")
    await queue(world, A, "high", priority="high")
    order = []
    for _ in range(3):
        await world.complete("w1", running)
        running = (await world.claim()).jobs
        order += [job.unique for job in running]

    assert ["high", "normal", "low"] == order


async def test_what_is_reported_of_a_job_is_when_it_was_due_not_when_it_got_its_place(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second")
    due = world.now
    (first,) = (await world.claim()).jobs
    world.now += MINUTE
    await world.pause("t")
    await world.complete("w1", [first])

    assert due == (await world.info("t:second")).due_ms
    (stats,) = (await inspect.snapshot(world.store, "")).types
    assert MINUTE == stats.oldest_waiting_ms
    await world.pause("t", "resume")
    (second,) = (await world.claim()).jobs
    assert due == second.due_ms


async def test_a_dead_workers_place_goes_to_the_job_that_was_due_first(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second")
    await world.claim("w1")
    await world.join("w2", "t", group=by(1))

    await world.bury("w1")

    assert ["first"] == await uniques(world, "w2")


async def test_a_job_that_was_to_be_cancelled_leaves_its_place_with_its_dead_worker(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second")
    await world.claim("w1")
    await world.join("w2", "t", group=by(1))
    assert "active" == await world.cancel("t:first")

    await world.bury("w1")

    assert ["second"] == await uniques(world, "w2")


async def test_a_leaving_worker_gives_its_places_back(world):
    await world.join("w1", "t", group=by(2))
    await queue(world, A, "1", "2", "3", "4")
    assert 2 == len(await uniques(world))
    await world.join("w2", "t", group=by(2))

    assert 2 == await world.leave("w1")

    assert 2 == len(await uniques(world, "w2"))
    assert [] == await uniques(world, "w2")


async def test_a_thread_that_may_run_on_keeps_its_place_until_its_process_has_surely_ended(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "thread", "next")
    (thread,) = (await world.claim()).jobs
    await world.end("w1", thread, Interrupted(3 * SECOND))

    assert [] == await uniques(world)
    world.now += 3 * SECOND
    assert 1 == len(await uniques(world))


async def test_a_thread_that_was_asked_to_cancel_leaves_no_place_behind_when_its_process_stops(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "a", "b")
    (thread,) = (await world.claim()).jobs
    await world.cancel("t:a", "why")
    await world.end("w1", thread, Interrupted(3 * SECOND))

    assert "cancelled" == await world.state("t:a")
    assert ["b"] == await uniques(world)


@pytest.mark.parametrize("which", ["placed", "behind", "later"])
async def test_a_cancelled_job_leaves_its_line(world, which):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "placed", "behind")
    await queue(world, A, "later", when=f"+{SECOND}")

    assert "cancelled" == await world.cancel(f"t:{which}")

    assert [] == await broken(world)
    world.now += SECOND
    rest = []
    while jobs := (await world.claim()).jobs:
        rest += [job.unique for job in jobs]
        await world.complete("w1", jobs)
    assert {"placed", "behind", "later"} - {which} == set(rest)


async def test_cancelling_a_running_job_that_nobody_holds_frees_its_place(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second")
    await world.claim()
    await world.store.redis.delete(world.store.keys.held("w1"))

    assert "cancelled" == await world.cancel("t:first")

    assert ["second"] == await uniques(world)


@pytest.mark.parametrize("outcome", [Failed("why"), Parked("why")])
async def test_a_retried_job_stands_in_its_group_again(world, outcome):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "x")
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, outcome)
    await queue(world, A, "y")

    await world.retry("t:x")

    assert 1 == len(await uniques(world))
    assert [] == await uniques(world)


async def test_purging_what_waits_empties_the_lines(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, *map(str, range(300)))
    (running,) = (await world.claim()).jobs

    assert 299 == await purge.purge(world.store, "t", State.WAITING)

    await world.complete("w1", [running])
    await queue(world, A, "new")
    assert ["new"] == await uniques(world)


async def test_an_expired_job_does_not_keep_its_place(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "late", expires_ms=SECOND)
    await queue(world, A, "good")
    world.now += SECOND

    assert "good" in await uniques(world) + await uniques(world)
    assert "failed" == await world.state("t:late")


async def test_a_lost_payload_costs_its_group_nothing(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "a-lost", "good")
    await world.store.redis.hdel(world.store.keys.payload("t"), "a-lost")

    assert "good" in await uniques(world) + await uniques(world)


async def test_a_raised_limit_holds_at_the_next_claim(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "1", "2", "3", "4")
    assert ["1"] == await uniques(world)
    assert [] == await uniques(world)

    await apply(world, group=by(3))

    assert ["2", "3"] == await uniques(world)
    assert [] == await uniques(world)


async def test_with_a_lowered_limit_what_runs_goes_on_and_nothing_starts_until_there_is_room(world):
    await world.join("w1", "t", group=by(4))
    world.lowered.add("t")
    await queue(world, A, *map(str, range(8)))
    running = (await world.claim("w1", 2)).jobs
    await apply(world, group=by(2))

    assert [] == await uniques(world)
    await world.complete("w1", running[:1])
    running = [running[1], *(await world.claim()).jobs]
    assert 2 == len(running)
    await apply(world, group=by(1))
    await world.complete("w1", running[:1])
    assert [] == await uniques(world)
    await world.complete("w1", running[1:])
    assert 1 == len(await uniques(world))


async def test_without_the_group_all_that_stood_behind_start(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, *map(str, range(300)))
    assert ["0"] == await uniques(world)
    await apply(world)

    started = []
    while jobs := (await world.claim("w1", 1_000)).jobs:
        started += jobs
    await world.complete("w1", started)

    assert 299 == len(started)
    await world.sweep()
    world.now += LEASE_MS
    world.renew("w1")
    await world.sweep()
    assert not {key for key in await world.dump() if key.startswith(("turn", "line", "group", "queue"))} - {
        "group:t:" + A
    }
    await world.join("w1", "t", joining=False, apply=False)
    await queue(world, A, "new1", "new2")
    assert ["new1", "new2"] == await uniques(world)


async def test_jobs_from_before_the_group_wait_for_nobody(world):
    await world.join("w1", "t")
    await world.enqueue("t", "old1", "old2", "old3")
    await apply(world, group=by(1))
    await world.join("w1", "t", joining=False, apply=False)
    await queue(world, A, "new1", "new2")

    assert {"old1", "old2", "old3", "new1"} == set(await uniques(world))


async def test_everything_together_starts_no_more_than_the_narrowest_allows(world):
    use = (Use("gpu", 1, 3),)
    await world.join("w1", "t", group=by(2), concurrency=4, uses=use, rate_limit=Rate(20, SECOND))
    for group in (A, B, C):
        await queue(world, group, *(f"{group[0]}{n}" for n in range(5)))
    started = []
    for _ in range(8):
        started += await uniques(world)
        world.now += 50

    assert 3 == len(started)
    assert 2 >= max(Counter(unique[0] for unique in started).values())


async def test_max_waiting_counts_those_behind(world):
    await world.join("w1", "t", group=by(1), max_waiting=3)
    await queue(world, A, "1", "2", "3")

    with pytest.raises(Exception, match="full"):
        await queue(world, A, "4")


async def test_a_claim_does_the_same_work_beside_a_hundred_and_beside_twenty_thousand_jobs(world):
    """The server's own count of commands: neither claim nor settle looks at jobs that their group holds back."""
    await world.join("w1", "t", group=by(1))
    await queue(world, A, *map(str, range(100)))
    (running,) = (await world.claim()).jobs
    few = await work(world, running)
    running = few.pop("running")
    for first in range(1_000, 20_000, 1_000):
        await queue(world, A, *map(str, range(first, first + 1_000)))
    many = await work(world, running)
    del many["running"]

    assert few == many


async def work(world, running):
    """Let a job of the full group end and two of another be enqueued, claimed and ended: command → how often."""
    before = await world.store.redis.info("commandstats")
    await world.complete("w1", [running])
    await queue(world, B, "b1")
    jobs = (await world.claim()).jobs
    (running,) = [job for job in jobs if job.unique != "b1"]
    await world.complete("w1", [job for job in jobs if job.unique == "b1"])
    after = await world.store.redis.info("commandstats")
    calls = {name: each["calls"] - before.get(name, {"calls": 0})["calls"] for name, each in after.items()}
    return {name: count for name, count in calls.items() if count and name != "cmdstat_info"} | {"running": running}


async def test_a_type_without_a_group_never_looks_at_groups(world):
    await world.join("w1", "t")
    await world.enqueue("t", "1", "2")
    before = await world.store.redis.info("commandstats")
    await world.complete("w1", (await world.claim()).jobs)
    after = await world.store.redis.info("commandstats")

    grouped = {"cmdstat_zpopmin", "cmdstat_zmscore"}
    assert not {
        name for name in grouped if after.get(name, {"calls": 0})["calls"] != before.get(name, {"calls": 0})["calls"]
    }


async def test_lists_counts_and_pages_show_those_in_line(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, *map(str, range(5)))
    await queue(world, B, "b", when=f"+{SECOND}")

    assert {"waiting": 5, "delayed": 1} == await world.counts()
    assert {*map(str, range(5))} == await listed(world, State.WAITING)
    assert {"b"} == await listed(world, State.DELAYED)


async def listed(world, state):
    page = await inspect.jobs(world.store, type="t", state=state, limit=2)
    found = list(page.jobs)
    while page.cursor:
        page = await inspect.jobs(world.store, type="t", state=state, limit=2, cursor=page.cursor)
        found += page.jobs
    assert all(job.due_ms for job in found)
    return {job.id.partition(":")[2] for job in found}


async def reasons(world, id):
    before = await world.dump()
    found = explain(await standing.read(world.store, id))
    assert before == await world.dump()
    return {reason.code: reason.text for reason in found.reasons}


async def test_explain_says_that_the_group_is_full_and_who_fills_it(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second", "third")
    await world.claim()
    world.now += 5 * SECOND

    assert {
        "group": "its `group` is full, 1/1 by `tenant`: held by t:first on w1 for 5s",
        "behind": "1 job of its group is due before it",
    } == await reasons(world, "t:third")


@pytest.mark.parametrize("group", [by(2), None])
async def test_explain_blames_no_group_that_a_raised_limit_gave_room(world, group):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first", "second")
    await world.claim()
    await apply(world, group=group)

    assert ["next"] == list(await reasons(world, "t:second"))


async def test_explain_says_how_many_turns_come_before_it(world):
    await world.join("w1", "t", group=by(1), concurrency=1)
    await queue(world, A, "a")
    await queue(world, B, "b")
    await queue(world, C, "c")
    await world.claim()

    assert ["concurrency", "behind"] == list(await reasons(world, "t:c"))
    assert "1 job of its type is due before it" == (await reasons(world, "t:c"))["behind"]


async def test_the_doctor_mends_lines_that_were_damaged(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "a1", "a2", "a3")
    (running,) = (await world.claim()).jobs
    redis, prefix = world.store.redis, world.store.keys.prefix
    await redis.delete(f"{prefix}line:t:{A}")
    await redis.zadd(f"{prefix}group:t:{A}", {"ghost": 1.0})

    found = (await doctor.examine(world.store, repair=True)).troubles
    assert {"unlined": ["t:a2", "t:a3"], "placed": ["t:ghost"]} == found

    await world.complete("w1", [running])
    assert {} == (await doctor.examine(world.store)).troubles
    assert 1 == len(await uniques(world))


async def test_nothing_is_left_of_groups_that_have_ended(world):
    await world.join("w1", "t", group=by(1))
    for group in (A, B, C):
        await queue(world, group, "x" + group[0], "y" + group[0])
    while jobs := (await world.claim()).jobs:
        await world.complete("w1", jobs)
    world.now += DAY
    await world.sweep()

    assert [] == [key for key in await world.dump() if key.startswith(("turn", "line", "group", "queue"))]


@attrs.frozen
class Order:
    tenant: str | int | None = None
    lines: list[int] = attrs.field(factory=list)


async def handler(ctx, payload: Order):
    """Do nothing."""


def group_in(payload, by="tenant", *, known=True):
    """Encode a payload under a policy in force; returns its group."""
    kind = JobType("acme.grouped", 1, handler, {})
    encoder = Encoder()
    encoder.known["acme.grouped"] = policies.document(kind, Policy(group=Group(by, 1)), "me")
    tail = encoder.encode(NewJob(kind if known else "acme.grouped", payload)).tail
    options, _, _ = tail.partition(b"\n")
    return options.removeprefix(b";t").decode()


def test_a_group_is_the_value_of_the_field_however_the_payload_is_given():
    assert 16 == len(group_in(Order("x")))
    assert group_in(Order("x")) == group_in({"tenant": "x"}) == group_in({"tenant": "x"}, known=False)
    assert 5 == len({group_in({"tenant": value}) for value in ("x", "y", 1, "1", None)})


def test_a_payload_without_the_field_is_in_the_group_of_null():
    assert group_in({}) == group_in({"tenant": None}) == group_in(None)


def test_the_value_itself_is_not_in_the_options():
    assert "secret" not in group_in({"tenant": "secret"})


def test_a_list_makes_no_group():
    with pytest.raises(PayloadError, match="group by 'lines': expected a text, a number"):
        group_in({"lines": [1]}, by="lines")


TENANTS = """
[jobs."work.loop"]
group = {{ by = "text", concurrency = {} }}
"""


@pytest.mark.slow
async def test_killed_workers_never_let_more_of_a_group_run_than_it_says(fleet):
    fleet.configure(TENANTS.format(2))
    workers = await fleet.start(4)
    ids = {name: await fleet.enqueue(50, do="sleep", n=20, text=name) for name in ("x", "y", "z")}
    for begun, worker in ((10, workers[0]), (40, workers[1])):
        await until(lambda begun=begun: sum(fleet.ledger.starts().values()) >= begun, "some have begun")
        fleet.kill(worker)
    counts = await fleet.ended()

    assert 150 == counts["completed"]
    for name, jobs in ids.items():
        assert 1 <= fleet.ledger.most_in_use(dict.fromkeys(jobs, 1)) <= 2, name


async def test_a_replaced_payload_moves_the_job_to_the_group_of_the_new_one(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "a1", "a2")
    await queue(world, A, "x", key="k", replace=True)
    await world.claim()

    assert ["x"] == await world.enqueue("t", "y", group=B, key="k", replace=True)

    assert ["x"] == await uniques(world)
    assert {"waiting": 1, "active": 2} == await world.counts()


async def test_a_successor_takes_no_place_before_its_forerunner_has_ended(world):
    await world.join("w1", "t", group=by(2))
    await queue(world, A, "x", key="k", replace=True)
    (running,) = (await world.claim()).jobs
    await queue(world, A, "successor", key="k", replace=True)
    world.now += 2 * MINUTE
    world.renew("w1")
    await queue(world, A, "other")

    assert ["other"] == await uniques(world) + await uniques(world)
    await world.complete("w1", [running])
    assert ["successor"] == await uniques(world)


async def test_a_schedule_sees_its_job_that_waits_for_its_group(world):
    await world.join("w1", "t", group=by(1))
    await queue(world, A, "first")
    await world.claim()
    await queue(world, A, "nightly@1", given=True)
    keys = world.store.keys
    await world.store.redis.hset(
        f"{keys.prefix}schedule:nightly", mapping={"version": 1, "slot": 0, "jobs": "nightly@1"}
    )
    in_force = await policies.read(world.store)

    answer = await world.store.run(
        "fire_schedule", "nightly", 1, world.now, MINUTE, "skip", "t", in_force["t"].version, "nightly@2",
        b";g;t" + A.encode() + b'\n{"body":{}}',
    )  # fmt: skip

    assert [b"LIVE", b"nightly@1"] == answer[1:]
