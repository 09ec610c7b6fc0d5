"""``explain``: why a job does not run, from the store's own state; the first reason is what blocks it now."""

import pytest

from jobframe.client.explanation import explain
from jobframe.core.errors import JobNotFound
from jobframe.core.job import AttemptError
from jobframe.core.outcome import Completed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.core.progress import Progress
from jobframe.core.rate import Rate
from jobframe.store import explain as standing
from jobframe.store.codec import Record
from jobframe.store.notes import Report, write_progress
from jobframe.store.scripts import script
from tests.conformance.world import LEASE_MS, MINUTE, SECOND


async def reasons(world, id):
    """Explain a job: code → text, in order; that nothing was changed is checked too."""
    before = await world.dump()
    found = explain(await standing.read(world.store, id))
    assert before == await world.dump()
    assert (id, await world.state(id)) == (found.id, found.state)
    return {reason.code: reason.text for reason in found.reasons}


async def test_a_delayed_job_is_not_due(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", when=f"+{2 * MINUTE}")

    assert {"not-due": "due in 2m"} == await reasons(world, "a:x")


async def test_a_full_type_names_the_jobs_that_hold_its_slots_and_on_which_worker(world):
    await world.join("w1", "a", concurrency=1)
    await world.start("w1", "a", "first")
    await world.enqueue("a", "second", "third")
    world.now += 5 * SECOND

    assert {
        "concurrency": "waiting for `concurrency` 1/1: held by a:first on w1 for 5s",
        "behind": "1 job of its type is due before it",
    } == await reasons(world, "a:third")
    found = explain(await standing.read(world.store, "a:third"))
    assert [("a:first", "w1", world.now - 5 * SECOND)] == [
        (each.id, each.worker, each.since_ms) for each in found.reasons[0].held_by
    ]


async def test_a_limit_lowered_below_what_runs_is_told_as_it_is(world):
    await world.join("w1", "a")
    for name in ("p", "q", "r"):
        await world.start("w1", "a", name)
    await world.join("w1", "a", joining=False, edited_ms=world.now + 1, concurrency=2)
    world.lowered.add("a")
    await world.enqueue("a", "x")

    text = (await reasons(world, "a:x"))["concurrency"]

    assert text.startswith("waiting for `concurrency` 3/2: held by a:p on w1")


async def test_of_many_holders_five_are_named_and_the_rest_counted(world):
    await world.join("w1", "a", concurrency=7)
    for n in range(7):
        await world.start("w1", "a", f"j{n}")
        world.now += 1
    await world.enqueue("a", "x")

    text = (await reasons(world, "a:x"))["concurrency"]

    assert ["a:j0", "a:j4"] == [word for word in text.split() if word in ("a:j0", "a:j4", "a:j5")]
    assert text.endswith(", 2 more")


async def test_a_holder_whose_worker_is_silent_is_told_so(world):
    await world.join("w1", "a", concurrency=1)
    await world.start("w1", "a", "held")
    await world.enqueue("a", "x")
    world.now += LEASE_MS + SECOND
    await world.join("w2", "a", concurrency=1)

    assert "on w1 (silent for 13s) for 13s" in (await reasons(world, "a:x"))["concurrency"]


async def test_a_slot_of_a_process_that_may_not_have_ended_is_told_with_its_end(world):
    await world.join("w1", "a", concurrency=1)
    job = await world.start("w1", "a", "x")
    await world.enqueue("a", "y")
    await world.end("w1", job, Interrupted(3 * SECOND))
    world.now += SECOND

    found = explain(await standing.read(world.store, "a:y"))

    assert ["concurrency"] == [reason.code for reason in found.reasons]
    assert "held by 1 process that is ending, for 2s at most" in found.reasons[0].text
    assert world.now + 2 * SECOND == found.reasons[0].until_ms


async def test_a_paused_type_says_who_and_since_when(world):
    await world.join("w1", "a", concurrency=1)
    await world.start("w1", "a", "first")
    await world.enqueue("a", "x")
    await world.enqueue("a", "later", when=f"+{MINUTE}")
    await world.pause("a")
    world.now += 5 * SECOND

    assert "a was paused by tester 5s ago" == (await reasons(world, "a:x"))["paused"]
    assert ["paused", "concurrency"] == list(await reasons(world, "a:x"))
    assert ["not-due", "paused"] == list(await reasons(world, "a:later"))


async def test_a_used_up_rate_says_when_the_next_job_may_start(world):
    await world.join("w1", "a", rate_limit=Rate(10, MINUTE))
    await world.enqueue("a", "x", "y", "z")
    await world.claim()
    world.now += 3 * SECOND

    assert {"rate-limit": "`rate_limit` 10/m frees in 3s"} == await reasons(world, "a:y")
    assert ["rate-limit", "behind"] == list(await reasons(world, "a:z"))
    world.now += 3 * SECOND
    assert ["next"] == list(await reasons(world, "a:y"))
    assert 1 == len((await world.claim()).jobs)


async def test_the_moment_at_which_a_rate_frees_is_that_of_the_claim(world):
    await world.join("w1", "a", rate_limit=Rate(700, MINUTE))
    await world.enqueue("a", "x", "y")
    await world.claim()
    frees_ms = explain(await standing.read(world.store, "a:y")).reasons[0].until_ms

    assert frees_ms is not None
    world.now = frees_ms - 1
    assert [] == (await world.claim()).jobs
    world.now = frees_ms + 1
    assert ["y"] == [job.unique for job in (await world.claim()).jobs]


async def test_a_type_that_nobody_announced_asks_for_its_plugin(world):
    await world.enqueue("a", "x")

    assert {"no-worker": "no worker ever announced a: start one that has its plugin"} == await reasons(world, "a:x")


async def test_a_type_whose_workers_have_left_has_no_worker(world):
    await world.join("w1", "a")
    await world.join("w2", "other")
    await world.enqueue("a", "x")
    await world.leave("w1")

    assert {"no-worker": "no worker runs a now"} == await reasons(world, "a:x")


async def test_a_type_whose_workers_are_silent_names_them(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")
    world.now += LEASE_MS + SECOND

    assert {"no-worker": "every worker that runs a is silent: w1 for 13s"} == await reasons(world, "a:x")


async def test_workers_that_are_all_full_are_named(world):
    await world.join("w1", "a")
    await world.enqueue("a", *(f"j{n:03}" for n in range(102)))
    await world.claim(room=100)

    assert {
        "full": "every worker that could take it is full: w1 runs 100 of 100",
        "behind": "1 job of its type is due before it",
    } == await reasons(world, "a:j101")
    await world.join("w2", "a")
    assert ["behind"] == list(await reasons(world, "a:j101"))


async def test_workers_that_are_all_at_per_worker_are_named(world):
    await world.join("w1", "a", per_worker=1)
    await world.start("w1", "a", "first")
    await world.enqueue("a", "x")

    assert {"per-worker": "waiting for `per_worker`: w1 runs 1 of 1"} == await reasons(world, "a:x")
    await world.join("w2", "a", per_worker=1)
    assert ["next"] == list(await reasons(world, "a:x"))


@pytest.mark.parametrize(
    ("dues", "order"),
    [
        ({"high": 0, "normal": 0, "low": 0}, ["high", "normal", "low"]),
        ({"high": 61, "normal": 0, "low": -1}, ["normal", "high", "low"]),
        ({"high": 60, "normal": 0, "low": -60}, ["high", "normal", "low"]),
        ({"high": 61, "normal": 0, "low": -61}, ["low", "normal", "high"]),
    ],
)
async def test_the_place_of_a_job_is_the_one_in_which_claims_take_it(world, dues, order):
    await world.join("w1", "a")
    for name, due_s in dues.items():
        when = f"@{world.now + (due_s - 100) * SECOND}"
        await world.enqueue("a", name, when=when, priority=name)

    places = {name: (await standing.read(world.store, f"a:{name}")).before for name in dues}

    assert order == sorted(places, key=places.__getitem__)
    assert [0, 1, 2] == sorted(places.values())
    assert order == [job.unique for _ in dues for job in (await world.claim(room=1)).jobs]


async def test_a_job_that_nothing_holds_back_starts_when_a_worker_has_room(world):
    await world.join("w1", "a", run_in="process")
    await world.enqueue("a", "x")

    assert {"next": "nothing holds it back: it starts as soon as a worker has a child process free"} == await reasons(
        world, "a:x"
    )


async def test_a_job_past_its_expiry_never_starts(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x", expires_ms=10 * SECOND)
    world.now += 10 * SECOND
    world.renew("w1")
    world.now += 5 * SECOND

    assert {"expired": "expired 5s ago: it never starts, and fails when a worker takes it"} == await reasons(
        world, "a:x"
    )


async def test_a_job_between_two_attempts_tells_the_last_error_and_when_the_next_is_due(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    error = AttemptError(1, world.now, "w1", 5, "builtins.OSError", "no route\nto host")
    await world.end("w1", job, Retried(7 * SECOND), Record(attempts=1, errors=(error,)))

    assert {"retry": "attempt 1 failed with builtins.OSError: no route; the next is due in 7s"} == await reasons(
        world, "a:x"
    )


@pytest.mark.parametrize(("snoozes", "often"), [(1, "1 time"), (2, "2 times")])
async def test_a_snoozed_job_asked_for_it(world, snoozes, often):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await world.end("w1", job, Snoozed(MINUTE), Record(snoozes=snoozes))

    assert {"snoozed": f"asked {often} to be run later; due in 1m"} == await reasons(world, "a:x")


async def test_a_running_job_tells_where_since_when_and_which_attempt(world):
    await world.join("w1", "a")
    await world.start("w1", "a", "x")
    world.now += 3 * SECOND

    assert {"running": "running on w1 for 3s, attempt 1"} == await reasons(world, "a:x")
    await world.cancel("a:x", "wrong source")
    assert "its worker was asked to cancel it: wrong source" == (await reasons(world, "a:x"))["cancelling"]


async def test_a_running_job_that_reports_says_how_far_it_has_come(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await write_progress(world.store, "w1", [Report("a:x", job.fence, Progress(40, 100, "pages"))])

    assert {"running": "running on w1 for 0ms, attempt 1, at 40/100 pages"} == await reasons(world, "a:x")


async def test_ended_and_parked_jobs_tell_their_state_and_reason(world):
    await world.join("w1", "a")
    ends = {"failed": Failed("broken"), "parked": Parked("unreadable: no envelope"), "completed": Completed()}
    for name, outcome in ends.items():
        await world.end("w1", await world.start("w1", "a", name), outcome)
    await world.enqueue("a", "cancelled", when=f"+{MINUTE}")
    await world.cancel("a:cancelled", "not needed")
    world.now += 5 * SECOND

    assert {"failed": "failed 5s ago: broken"} == await reasons(world, "a:failed")
    assert {"parked": "parked 5s ago: unreadable: no envelope"} == await reasons(world, "a:parked")
    assert {"cancelled": "cancelled 5s ago: not needed"} == await reasons(world, "a:cancelled")
    assert {"completed": "completed 5s ago"} == await reasons(world, "a:completed")


async def test_a_job_that_nobody_knows_is_not_found(world):
    await world.join("w1", "a")

    with pytest.raises(JobNotFound):
        await standing.read(world.store, "a:none")


async def test_a_completed_job_whose_id_was_chosen_is_explained(world):
    await world.join("w1", "a")
    await world.end("w1", await world.start("w1", "a", "x", given=True), Completed())

    assert {"completed": "completed 0ms ago"} == await reasons(world, "a:x")


async def test_a_job_with_damaged_bytes_is_explained_like_any_other(world):
    await world.join("w1", "a", expires_ms=MINUTE)
    await world.enqueue("a", "x")
    await world.store.redis.hset(world.store.keys.payload("a"), "x", b"\xff")

    assert ["next"] == list(await reasons(world, "a:x"))


def test_the_server_itself_refuses_any_write_of_the_script():
    assert script("explain").text.startswith("#!lua flags=no-writes\n")
