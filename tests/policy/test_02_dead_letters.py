"""Dead letters: kept with reason, history and payload, looked through, replayed and removed."""

from __future__ import annotations

import msgspec
import pytest

from jobframe.client import search
from jobframe.client.jobs import Jobs
from jobframe.core.job import AttemptError, State
from jobframe.core.outcome import Completed, Failed
from jobframe.core.who import who
from jobframe.store.codec import Record, decode_payload
from jobframe.store.operate import KeyHeld, retry_some
from jobframe.store.purge import purge_some, trim
from tests.conformance.world import DAY, MINUTE, SECOND, names
from tests.fleet.workers import until

ENOUGH = 3_000
"""More jobs than several pages and batches hold."""


class Killed(BaseException):
    """The client's process ends here; what it had sent was carried out."""


@pytest.fixture
async def operator(world):
    """The operator's verbs over the namespace whose clock is turned by hand."""
    jobs = Jobs(world.store)
    yield jobs
    await jobs.aclose()


def record(error, message, *, attempts=1):
    return Record(attempts=attempts, crashes=1, errors=(AttemptError(attempts, 7, "w0", 5, error, message),))


async def fail(world, type, *uniques, error="OSError", message="no route", step=0, **options):
    """Let jobs fail, all in one moment or *step* milliseconds apart."""
    for first in range(0, len(uniques), 100):
        await world.enqueue(type, *uniques[first : first + 100], **options)
        for job in (await world.claim()).jobs:
            outcome = Failed(f"exhausted: 1 of 1 attempts failed, the last with {error}")
            assert await world.end("w1", job, outcome, record(error, message))
            world.now += step


async def payloads(world, type):
    return await world.store.read_hash(world.store.keys.payload(type))


async def due_times(world, type):
    page = await Jobs(world.store).jobs(type, limit=500)
    return {info.id: info.due_ms for info in page.jobs if info.due_ms is not None}


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_a_dead_letter_keeps_payload_reason_and_history_for_keep_failed_and_not_longer(world):
    await world.join("w1", "a", keep_failed_ms=2 * DAY, keep_result_ms=0, keep_completed=0)
    await fail(world, "a", "x", body=b'{"n":1}')
    world.now += 2 * DAY - 1
    world.renew("w1")
    assert 0 == await trim(world.store)

    info = await world.info("a:x")
    assert ("failed", 1, "no route") == (info.state.value, info.attempts, info.errors[0].message)
    assert info.reason == "exhausted: 1 of 1 attempts failed, the last with OSError"
    assert (await payloads(world, "a"))["x"].endswith(b'{"body":{"n":1}}')

    world.now += 1
    assert 1 == await trim(world.store)
    assert not {"failed:a", "payload:a", "record:a", "reason:a"} & (await world.dump()).keys()


async def test_a_replayed_job_that_fails_again_is_kept_from_its_new_end(world):
    await world.join("w1", "a", keep_failed_ms=2 * DAY)
    await fail(world, "a", "x")
    world.now += DAY
    world.renew("w1")
    await world.retry("a:x")
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, Failed("again"))
    world.now += 2 * DAY - 1
    world.renew("w1")
    assert 0 == await trim(world.store)

    assert await world.state("a:x") == "failed"


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_jobs_are_grouped_by_what_they_ended_of_the_largest_group_first(world, operator):
    await world.join("w1", "a", "b")
    await fail(world, "a", "x1", "x2", message="no route to 10.0.0.1", step=SECOND)
    await fail(world, "b", "y1", message="no route to 10.0.0.2", step=SECOND)
    await fail(world, "a", "x3", error="ValueError", message="row 17", step=SECOND)
    begun = world.now - 4 * SECOND

    found = await operator.groups()

    assert (4, True) == (found.scanned, found.complete)
    assert [
        (3, ("a", "b"), "OSError", "no route to 10.0.0.2", "b:y1", begun, begun + 2 * SECOND),
        (1, ("a",), "ValueError", "row 17", "a:x3", begun + 3 * SECOND, begun + 3 * SECOND),
    ] == [
        (each.count, each.types, each.cause.error, each.cause.message, each.newest, each.first_ms, each.last_ms)
        for each in found.groups
    ]
    assert [2, 1] == [each.count for each in (await operator.groups("a")).groups]
    assert [1] == [each.count for each in (await operator.groups(match="ROW")).groups]
    assert () == (await operator.groups(state="parked")).groups


async def test_groups_look_at_the_newest_of_all_types_and_say_when_there_are_more(world, operator, monkeypatch):
    monkeypatch.setattr(search, "MOST_SCANNED", 250)
    await world.join("w1", "a", "b")
    await fail(world, "a", *(f"old{n:03}" for n in range(150)), error="ValueError", step=1)
    await fail(world, "b", *(f"new{n:03}" for n in range(150)), step=1)
    await fail(world, "a", *(f"new{n:03}" for n in range(90)), step=1)

    found = await operator.groups()

    assert (250, False) == (found.scanned, found.complete)
    assert [("OSError", 240), ("ValueError", 10)] == [(each.cause.error, each.count) for each in found.groups]


async def test_a_search_finds_every_job_that_matches_once_whatever_the_size_of_its_pages(world, operator):
    await world.join("w1", "a", "b")
    for n in range(12):
        some = [f"n{n:02}i{i:02}" for i in range(60)]
        await fail(world, "ab"[n % 2], *some, error="ValueError" if n % 3 else "OSError", step=n % 2)

    for limit in (7, 100, 500):
        found, cursor, scanned = [], None, 0
        while True:
            page = await operator.find(state="failed", match="valueerror", cursor=cursor, limit=limit)
            assert len(page.jobs) <= limit
            found += [info.id for info in page.jobs]
            cursor, scanned = page.cursor, scanned + page.scanned
            if page.complete:
                break
        assert (480, 480, 720) == (len(found), len(set(found)), scanned)


async def test_a_search_ends_after_so_many_jobs_and_goes_on_from_there(world, operator, monkeypatch):
    monkeypatch.setattr(search, "MOST_SCANNED", 150)
    await world.join("w1", "a")
    await fail(world, "a", "wanted", error="ValueError")
    world.now += 1
    await fail(world, "a", *(f"n{n:03}" for n in range(200)))

    first = await operator.find("a", match="ValueError")
    second = await operator.find("a", match="ValueError", cursor=first.cursor)

    assert ((), 150, False) == (first.jobs, first.scanned, first.complete)
    assert (["a:wanted"], 51, True) == ([info.id for info in second.jobs], second.scanned, second.complete)


@pytest.mark.parametrize("verb", ["find", "groups", "retry_all", "purge"])
async def test_an_empty_text_does_not_stand_for_all(world, operator, verb):
    await world.join("w1", "a")
    await fail(world, "a", "x")

    with pytest.raises(ValueError, match="leave it out to take all"):
        await getattr(operator, verb)("a", state="failed", match=" ")
    assert await world.state("a:x") == "failed"


@pytest.mark.parametrize("verb", ["jobs", "find", "groups", "counts", "retry_all", "purge"])
async def test_an_empty_type_does_not_stand_for_all(world, operator, verb):
    await world.join("w1", "a")
    await fail(world, "a", "x")

    with pytest.raises(ValueError, match="job type name ''"):
        await getattr(operator, verb)("", **({} if verb == "counts" else {"state": "failed"}))
    assert await world.state("a:x") == "failed"


# --- replaying --------------------------------------------------------------------------------------------------------


async def test_all_of_a_type_and_state_are_queued_again_and_nothing_else(world, operator):
    await world.join("w1", "a", "b")
    await fail(world, "a", *(f"n{n:04}" for n in range(ENOUGH)))
    await fail(world, "b", "y")
    await world.enqueue("a", "stopped")
    await world.cancel("a:stopped")

    assert (ENOUGH, 0) == ((dry := await operator.retry_all("a", dry_run=True)).matched, dry.retried)
    assert (await operator.counts("a"))["failed"] == ENOUGH
    done = await operator.retry_all("a")

    assert (ENOUGH, ENOUGH, 0, ()) == (done.matched, done.retried, done.skipped, done.refused)
    assert {"waiting": ENOUGH, "failed": 1, "cancelled": 1} == {
        name: count for name, count in (await world.counts()).items() if name != "completed"
    }
    assert {f"{name}:y" for name in "b"} == {info.id for info in (await operator.jobs(state="failed")).jobs}


async def test_a_replay_takes_all_that_match_though_their_pages_shrink_under_it(world, operator):
    await world.join("w1", "a")
    for n in range(ENOUGH // 100):
        await fail(world, "a", *(f"n{n:02}i{i:02}" for i in range(50)), error="ValueError", step=n % 2)
        await fail(world, "a", *(f"n{n:02}j{i:02}" for i in range(50)), step=n % 2)

    assert (await operator.retry_all("a", match="ValueError", dry_run=True)).matched == ENOUGH // 2
    done = await operator.retry_all("a", match="ValueError")

    assert (ENOUGH // 2, ENOUGH // 2, 0) == (done.matched, done.retried, done.skipped)
    assert (0, ENOUGH // 2) == (
        (await operator.retry_all("a", match="ValueError", dry_run=True)).matched,
        (await operator.counts("a"))["failed"],
    )


async def test_a_group_is_replayed_by_its_fingerprint(world, operator):
    await world.join("w1", "a")
    await fail(world, "a", "x1", message="no route to 10.0.0.1")
    await fail(world, "a", "x2", message="no route to 10.0.0.2")
    await fail(world, "a", "x3", error="ValueError")
    group = (await operator.groups()).groups[0]

    done = await operator.retry_all("a", match=group.cause.fingerprint)

    assert done.retried == group.count == 2
    assert await world.state("a:x3") == "failed"


async def test_at_a_rate_the_due_times_are_spread_evenly_over_all_calls_by_the_servers_clock(world, operator):
    await world.join("w1", "a")
    await fail(world, "a", *(f"n{n:03}" for n in range(450)))

    done = await operator.retry_all("a", rate="100/s")

    assert (450, 4_490) == (done.retried, done.spread_ms)
    assert [world.now + 10 * n for n in range(450)] == sorted((await due_times(world, "a")).values())
    assert 1 == len((await world.claim()).jobs)
    world.now += 95
    assert 9 == len((await world.claim()).jobs)


async def test_a_rate_that_is_no_whole_number_of_milliseconds_is_never_exceeded(world, operator):
    await world.join("w1", "a")
    await fail(world, "a", *(f"n{n:03}" for n in range(300)))

    await operator.retry_all("a", rate="7/s")

    due = sorted((await due_times(world, "a")).values())
    assert all(sum(first <= each < first + 1_000 for each in due) <= 7 for first in due)
    assert due[-1] - due[0] < 299 * 1_000 / 7 + 1


async def test_a_replay_that_was_killed_and_begun_again_moves_each_job_once(world, operator, monkeypatch):
    await world.join("w1", "a")
    await fail(world, "a", *(f"n{n:03}" for n in range(450)))
    run, calls = world.store.run, []

    async def dies_at_the_second_batch(name, *args):
        answer = await run(name, *args)
        calls.append(name)
        if name == "retry" and calls.count("retry") == 2:
            raise Killed
        return answer

    monkeypatch.setattr(world.store, "run", dies_at_the_second_batch)
    with pytest.raises(Killed):
        await operator.retry_all("a", rate="100/s")
    moved = await due_times(world, "a")
    done = await operator.retry_all("a", rate="100/s")

    assert (400, 50) == (len(moved), done.retried)
    assert moved.items() <= (await due_times(world, "a")).items()
    assert {"waiting", "delayed"} == {name for name in await world.counts("a") if name not in ("failed", "completed")}


async def test_a_job_that_changed_since_it_was_seen_is_left_alone(world, operator):
    await world.join("w1", "a")
    await fail(world, "a", "same", "again", "stopped", "stopped-at-once", "purged")
    seen = (await operator.jobs("a", "failed")).jobs
    await world.retry("a:stopped-at-once")
    await world.cancel("a:stopped-at-once")
    world.now += 1
    await world.retry("a:again")
    await world.retry("a:stopped")
    await world.cancel("a:stopped")
    (job,) = (await world.claim()).jobs
    await world.end("w1", job, Failed("anew"))
    assert 1 == await operator.purge("a", state="failed", match="purged")

    verdicts, _ = await retry_some(world.store, seen, State.FAILED, "tester")

    assert {"a:same"} == {each.id for each in verdicts if each.refusal is None}
    assert ["failed", "cancelled", "cancelled"] == [
        await world.state(f"a:{name}") for name in ("again", "stopped", "stopped-at-once")
    ]
    assert 0 == await purge_some(world.store, [each for each in seen if each.id == "a:again"], State.FAILED)


async def test_a_job_that_leaves_its_state_during_a_replay_is_skipped_and_counted(world, operator, monkeypatch):
    await world.join("w1", "a")
    await fail(world, "a", "x", "y")
    run = world.store.run

    async def with_somebody_else(name, *args):
        if name == "retry" and args[1] != "tester":
            await world.retry("a:x")
        return await run(name, *args)

    monkeypatch.setattr(world.store, "run", with_somebody_else)
    done = await operator.retry_all("a")

    assert (2, 1, 1, ()) == (done.matched, done.retried, done.skipped, done.refused)


async def test_jobs_whose_key_is_held_are_named_and_stop_no_other(world, operator):
    await world.join("w1", "a")
    for unique, key in [("old-k", "k"), ("new-k", "k"), ("plain", None), ("new-l", "l")]:
        await fail(world, "a", unique, key=key)
        world.now += 1
    await world.enqueue("a", "live", key="l", when="+9000")

    done = await operator.retry_all("a", rate="1/s")

    assert all(isinstance(refusal, KeyHeld) for refusal in done.refused)
    assert [("a:new-l", "a:live"), ("a:old-k", "a:new-k")] == [(each.id, each.holder) for each in done.refused]
    assert (4, 2, 0, 1_000) == (done.matched, done.retried, done.skipped, done.spread_ms)
    assert {"a:plain": 0, "a:new-k": 1_000, "a:live": 9_000} == {
        job_id: due - world.now for job_id, due in (await due_times(world, "a")).items()
    }


@pytest.mark.parametrize(("policy", "options"), [({"expires_ms": 500}, {}), ({}, {"expires_ms": 500})])
async def test_a_replayed_job_expires_counted_from_when_it_comes_due(world, operator, policy, options):
    await world.join("w1", "a", **policy)
    await fail(world, "a", "x", "y", **options)
    world.now += DAY
    world.renew("w1")
    await operator.retry_all("a", rate="1/s")

    world.now += 499
    assert 1 == len((await world.claim()).jobs)
    world.now += 1_000
    assert 1 == len((await world.claim()).jobs)
    assert {"active": 2} == await world.counts("a")


async def test_a_pace_that_takes_centuries_damages_no_payload(world, operator):
    await world.join("w1", "a", expires_ms=500)
    await fail(world, "a", "x", body=b'{"n":1}')

    await retry_some(world.store, (await operator.jobs("a")).jobs, State.FAILED, "tester", next_us=10**17)

    enqueued_ms, envelope = decode_payload((await payloads(world, "a"))["x"])
    assert (10**13 - 1, b'{"n":1}') == (enqueued_ms, bytes(envelope.body))
    assert {"a:x": 10**13 - 1} == await due_times(world, "a")


async def test_history_crashes_and_payload_survive_a_replay_and_it_says_who_asked_for_it(world, operator):
    await world.join("w1", "a")
    await fail(world, "a", "x", body=b'{"n":1}')
    before = await payloads(world, "a")
    world.now += MINUTE
    await operator.retry_all("a")

    info = await world.info("a:x")
    assert ("", 0, 1, 0) == (info.reason, info.attempts, info.crashes, info.snoozes)
    assert record("OSError", "no route").errors == info.errors
    assert (world.now, who()) == (info.retried_ms, info.retried_by)
    assert before == await payloads(world, "a")
    (job,) = (await world.claim()).jobs
    seen = Record.decode(job.record)
    assert Record.decode(seen.encode()) == seen
    await world.bury("w1")
    assert (2, who()) == ((again := await world.info("a:x")).crashes, again.retried_by)


async def test_large_payloads_end_a_call_and_not_the_replay(world, operator):
    await world.join("w1", "a")
    await fail(world, "a", *(f"n{n}" for n in range(20)), body=msgspec.json.encode({"text": "x" * 200_000}))

    assert 20 == (await operator.retry_all("a")).retried


async def test_a_replay_obeys_pause_and_concurrency(world, operator):
    await world.join("w1", "a", concurrency=2)
    await fail(world, "a", "x1")
    await fail(world, "a", "x2")
    await fail(world, "a", "x3")
    await world.pause("a")
    await operator.retry_all("a")
    assert [] == names(await world.claim())
    await world.pause("a", "resume")

    running = (await world.claim()).jobs

    assert 2 == len(running)
    assert await world.end("w1", running[0], Completed())
    assert 1 == len((await world.claim()).jobs)


@pytest.mark.parametrize("state", ["waiting", "delayed", "active", "completed"])
async def test_only_what_ended_badly_can_be_replayed_or_grouped(operator, state):
    with pytest.raises(ValueError, match="cannot be retried"):
        await operator.retry_all("a", state=state)
    with pytest.raises(ValueError, match="cannot be grouped"):
        await operator.groups("a", state=state)


# --- removing ---------------------------------------------------------------------------------------------------------


async def test_purge_removes_those_that_match_and_are_old_enough_with_all_that_is_kept_of_them(world, operator):
    await world.join("w1", "a", "b")
    for name in "ab":
        await fail(world, name, "old1", "old2", error="ValueError")
        await fail(world, name, "old3")
    world.now += DAY
    world.renew("w1")
    await fail(world, "a", "new", error="ValueError")
    which = {"state": "failed", "older_than": "1d", "match": "ValueError"}

    assert 4 == await operator.purge(**which, dry_run=True)
    assert 7 == (await operator.counts())["failed"]
    assert 4 == await operator.purge(**which)

    assert {"a:old3", "a:new", "b:old3"} == {info.id for info in (await operator.jobs(state="failed")).jobs}
    assert {"old3", "new"} == (await payloads(world, "a")).keys()
    assert 2 == await operator.purge("a", state="failed", dry_run=True)


async def test_purge_takes_waiting_and_delayed_jobs_by_their_ids_and_frees_their_keys(world, operator):
    await world.join("w1", "a")
    await world.enqueue("a", "x1", key="k")
    await world.enqueue("a", "y1")
    await world.enqueue("a", "x2", when="+1000", key="l")

    assert (1, 1) == (
        await operator.purge("a", state="waiting", match="x"),
        await operator.purge("a", state="delayed", match="x"),
    )
    assert ["a:y1"] == names(await world.claim())
    assert [None, None] == await world.enqueue("a", "z1", key="k") + await world.enqueue("a", "z2", key="l")


async def test_purge_of_running_jobs_is_refused_also_by_a_text(operator):
    with pytest.raises(ValueError, match="cancel them"):
        await operator.purge("a", state="active", match="x")


# --- everything together, with real workers ---------------------------------------------------------------------------


async def test_of_200_failures_of_three_kinds_one_is_replayed_and_the_others_stay_as_they_are(fleet):
    fleet.configure('[defaults]\nmax_retries = 0\n[jobs."work.loop"]\nmax_retries = 1\nbackoff = "none"')
    kinds = {"fail": 60, "raise": 60, "flaky": 80}
    work = [(kind, n) for kind, count in kinds.items() for n in range(count)]
    async with fleet.here():
        handles = await fleet.jobs.enqueue_many(
            [("work.loop", {"do": kind, "n": 9, "text": f"{kind} of customer {n}"}) for kind, n in work]
        )

        async def all_failed():
            return (await fleet.jobs.counts("work.loop"))["failed"] == len(work)

        await until(all_failed, "all have failed")
        before = {handle.id: await handle.info() for handle in handles}
        bodies = await fleet.jobs.store.read_hash(fleet.jobs.store.keys.payload("work.loop"))

        found = await fleet.jobs.groups("work.loop")
        assert sorted(kinds.values()) == sorted(each.count for each in found.groups)
        assert found.groups[0].cause.error.endswith("ConnectionError")
        fingerprint = found.groups[0].cause.fingerprint
        dry = await fleet.jobs.retry_all("work.loop", match=fingerprint, rate="100/s", dry_run=True)
        assert (80, 0, 790) == (dry.matched, dry.retried, dry.spread_ms)
        assert before == {handle.id: await handle.info() for handle in handles}

        done = await fleet.jobs.retry_all("work.loop", match=fingerprint, rate="100/s")
        assert (80, 80, 0, ()) == (done.matched, done.retried, done.skipped, done.refused)
        await until(all_failed, "the replayed ones have failed again")

        after = {handle.id: await handle.info() for handle in handles}
    replayed = {job_id: info for job_id, info in after.items() if info.retried_by}
    assert 80 == len(replayed)
    for job_id, info in replayed.items():
        assert (2, 4) == (info.attempts, len(info.errors)), "its attempts counted from 0, its history kept"
        assert info.errors[:2] == before[job_id].errors
    assert before | replayed == after
    assert bodies == await fleet.jobs.store.read_hash(fleet.jobs.store.keys.payload("work.loop"))
    assert {kind for kind, _ in work} == {
        msgspec.json.decode(decode_payload(value)[1].body)["do"] for value in bodies.values()
    }
