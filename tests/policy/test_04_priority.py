"""Priority: of a type, its share of a full worker; of a job, whom of its type it passes, and for how long at most."""

import pytest

from jobframe.core.outcome import Crashed, Failed, Interrupted, Retried, Snoozed
from jobframe.core.policy import Policy
from jobframe.store import policies
from tests.conformance.world import MINUTE, SECOND, job_type, names
from tests.fleet.workers import until

LEVELS = ("high", "normal", "low")


async def announce_levels(world):
    """Have worker w4 run three types, each of the priority that is its name, and many jobs of each wait."""
    for worker, priority in (("w1", "low"), ("w2", "high"), ("w3", "normal")):
        await world.join(worker, priority, priority=priority)
        await world.leave(worker)
    await world.join("w4", *LEVELS, apply=False)
    for name in LEVELS:
        for _ in range(8):
            await world.send(*(world.job(name) for _ in range(60)))


@pytest.mark.parametrize(("claims", "shares"), [(7, [4, 2, 1]), (70, [40, 20, 10]), (350, [200, 100, 50])])
async def test_types_share_a_full_worker_exactly_four_to_two_to_one(world, claims, shares):
    await announce_levels(world)
    started = []
    for _ in range(claims):
        (job,) = (await world.claim("w4", 1, quantum=1)).jobs
        started.append(job.type)
        await world.complete("w4", [job])

    assert shares == [started.count(name) for name in LEVELS]


@pytest.mark.parametrize(
    ("room", "quantum", "claims"), [(7, 1, 10), (70, 1, 1), (70, 16, 6), (1, 16, 560), (3, 8, 280)]
)
async def test_types_share_four_to_two_to_one_by_their_priority(world, room, quantum, claims):
    await announce_levels(world)
    started = [job.type for _ in range(claims) for job in (await world.claim("w4", room, quantum=quantum)).jobs]

    shares = [started.count(name) * 7 / len(started) for name in LEVELS]
    assert shares == pytest.approx([4, 2, 1], rel=0.15)


async def test_a_types_share_follows_its_priority_from_the_next_claim_on(world):
    await world.join("w1", "a", "b")
    for name in "ab":
        for _ in range(4):
            await world.send(*(world.job(name) for _ in range(60)))
    before = [job.type for _ in range(40) for job in (await world.claim(room=1, quantum=1)).jobs]
    await put_in_force(world, "a", priority="high")
    after = [job.type for _ in range(60) for job in (await world.claim(room=1, quantum=1)).jobs]

    assert 20 == before.count("a")
    assert 40 == pytest.approx(after.count("a"), abs=1)


async def put_in_force(world, name, **policy):
    """Apply another policy while the workers run."""
    await policies.apply(world.store, [policies.document(job_type(name), Policy(**policy), "me@box")])


async def test_a_low_type_is_not_starved_by_a_high_one_that_never_runs_dry(world):
    """It starts at least every fifth job, however many of the other come meanwhile."""
    await world.join("w1", "low", priority="low")
    await world.leave("w1")
    await world.join("w2", "high", priority="high")
    await world.join("w2", "high", "low", joining=False, apply=False)
    await world.send(*(world.job("low") for _ in range(20)))
    started = ""
    for _ in range(50):
        await world.send(*(world.job("high") for _ in range(5)))
        (job,) = (await world.claim("w2", 1, quantum=1)).jobs
        started += job.type[0]

    assert max(map(len, started.strip("h").split("l"))) <= 4
    assert 10 == started.count("l")


async def test_a_job_of_higher_priority_starts_before_those_up_to_a_minute_older(world):
    await world.join("w1", "a")
    for unique, seconds, priority in (
        ("n65", 65, None), ("n58", 58, None), ("h0", 0, "high"), ("h3", 3, "high"), ("l117", 117, "low"),
        ("l124", 124, "low"), ("n0", 0, "normal"),
    ):  # fmt: skip
        await world.enqueue("a", unique, when=f"@{world.now - seconds * SECOND}", priority=priority)

    order = ["n65", "l124", "h3", "h0", "n58", "l117", "n0"]
    assert order == [job.unique for _ in order for job in (await world.claim(room=1)).jobs]


async def test_priorities_hold_within_one_claim(world):
    await world.join("w1", "a")
    for priority in ("low", "normal", "high"):
        await world.send(*(world.job("a", f"{priority[0]}{i}", priority=priority) for i in range(3)))

    assert ["hhhnn", "nlll"] == ["".join(job.unique[0] for job in (await world.claim(room=5)).jobs) for _ in range(2)]


async def test_a_job_whose_own_priority_is_that_of_its_type_is_like_the_others(world):
    await world.join("w1", "a", priority="high")
    await world.enqueue("a", "x", priority="high")
    await world.enqueue("a", "y", priority="normal")

    assert {"x"} == (await world.dump())["queue:a:n"].keys()
    assert ["a:x", "a:y"] == names(await world.claim())


async def give_back_by_leaving(world, job):
    await world.leave("w1")


async def give_back_by_dying(world, job):
    await world.bury("w1")


async def give_back_by_retry(world, job):
    await world.end("w1", job, Retried(0))


async def give_back_by_the_operator(world, job):
    await world.end("w1", job, Failed("why"))
    await world.retry("a:x")


@pytest.mark.parametrize("priority", ["high", "low"])
@pytest.mark.parametrize(
    "give_back", [give_back_by_leaving, give_back_by_dying, give_back_by_retry, give_back_by_the_operator]
)
async def test_a_job_given_back_after_its_types_priority_changed_is_found(world, give_back, priority):
    """It then stands in a queue that claims had no need to look into before."""
    await world.join("w1", "a")
    await world.join("w2", "a")
    await world.enqueue("a", "x", priority="normal")
    (job,) = (await world.claim("w1")).jobs
    await world.join("w2", "a", priority=priority)

    await give_back(world, job)

    assert ["a:x"] == names(await world.claim("w2"))


@pytest.mark.parametrize(("priority", "passed_s"), [("low", 120), ("normal", 60), ("high", 0)])
async def test_a_job_is_passed_for_two_minutes_at_most_by_higher_ones_that_never_cease(world, priority, passed_s):
    """Each second one of high priority comes, and each second there is room for one job."""
    await world.join("w1", "a")
    await world.enqueue("a", "mine", priority=priority)
    began = world.now
    while True:
        await world.enqueue("a", f"h{world.now}", priority="high")
        (job,) = (await world.claim(room=1)).jobs
        if job.unique == "mine":
            break
        await world.complete("w1", [job])
        world.now += SECOND

    assert passed_s == pytest.approx((world.now - began) / SECOND, abs=1)


@pytest.mark.parametrize(
    "outcome", [Retried(0), Snoozed(0), Retried(SECOND), Interrupted(), Interrupted(SECOND), Crashed()]
)
@pytest.mark.parametrize(("mine", "order"), [("high", ["a:mine", "a:other"]), ("low", ["a:other", "a:mine"])])
async def test_a_job_that_runs_again_keeps_its_priority(world, outcome, mine, order):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "mine", priority=mine), outcome)
    await world.enqueue("a", "other", when=f"@{world.now + (-5 if mine == 'high' else 5) * SECOND}")
    world.now += 10 * SECOND

    assert order == [name for _ in range(2) for name in names(await world.claim(room=1))]


@pytest.mark.parametrize("of_type", ["high", "low"])
async def test_jobs_that_wait_while_the_priority_of_their_type_changes_all_start(world, of_type):
    """Those that wait stay where they stand, those that come later are placed by what is in force by then."""
    await world.join("w1", "a")
    for level in LEVELS:
        await world.enqueue("a", f"old-{level}", priority=level)
    await put_in_force(world, "a", priority=of_type)
    await world.join("w1", "a", joining=False, apply=False)
    world.now += 1
    for level in LEVELS:
        await world.enqueue("a", f"new-{level}", priority=level)
    order = [job.unique for _ in range(6) for job in (await world.claim(room=1)).jobs]

    assert {f"{age}-{level}" for age in ("old", "new") for level in LEVELS} == set(order)
    assert [f"old-{level}" for level in LEVELS] == [each for each in order if each.startswith("old")]
    assert order.index("new-high") < order.index("new-low")


@pytest.mark.parametrize(("level", "queue"), [("high", "h"), ("low", "l")])
async def test_delayed_jobs_age_from_when_they_are_due(world, level, queue):
    await world.join("w1", "a")
    await world.enqueue("a", "mine", priority=level, when=f"+{10 * MINUTE}")
    assert {"mine"} == (await world.dump())[f"queue:a:{queue}"].keys()
    world.now += 10 * MINUTE
    await world.enqueue("a", "n0", "n1")

    place = [job.unique for _ in range(3) for job in (await world.claim(room=1)).jobs].index("mine")
    assert (0 if level == "high" else 2) == place


async def test_jobs_of_higher_priority_start_first(fleet):
    fleet.configure('[jobs."work.loop"]\nconcurrency = 1')
    async with fleet.here():
        await fleet.jobs.pause("work.loop")
        handles = {each: await fleet.jobs.enqueue("work.loop", priority=each) for each in ("low", "normal", "high")}
        await fleet.jobs.resume("work.loop")
        await fleet.ended()

    order = [line.job for line in fleet.ledger.lines("start")]
    assert [handles[each].id for each in ("high", "normal", "low")] == order


@pytest.mark.parametrize("low", ["work.other", "work.thread"])
async def test_a_full_worker_starts_four_of_a_high_type_for_each_of_a_low_one(fleet, low):
    """Also when the one runs in its loop and the other in its threads."""
    fleet.configure(f'[jobs."work.loop"]\npriority = "high"\n[jobs."{low}"]\npriority = "low"', max_jobs=2)
    async with fleet.here():
        first = [await fleet.jobs.enqueue("work.empty") for _ in range(2)]
        for handle in first:
            await handle.result(timeout=30)
        for name in ("work.loop", low):
            await fleet.jobs.pause(name)
            await fleet.enqueue(300, name)
        for name in ("work.loop", low):
            await fleet.jobs.resume(name)
        await until(lambda: len(fleet.ledger.lines("start")) >= 250, "enough have started")

    order = [line.job.partition(":")[0] for line in fleet.ledger.lines("start")]
    assert 120 == pytest.approx(order[50:200].count("work.loop"), abs=24)
