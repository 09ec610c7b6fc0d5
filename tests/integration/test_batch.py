"""Batch handlers: several jobs in one call, each with its own outcome, record, follow-ups and place under limits."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest

from jobframe.core.errors import JobCancelled, JobFailed
from jobframe.core.job import State
from tests.fleet.workers import until

EVERYWHERE = ["work.batch", "work.batch_thread", "work.batch_process"]
STOPPABLE = ["work.batch", "work.batch_process"]
ONCE = '[jobs."{0}"]\nmax_retries = 0'
SHORT = '[jobs."{0}"]\nmax_retries = 0\ntimeout = "300ms"'
LATER = '[jobs."{0}"]\nmax_retries = 1\nbackoff = {{ strategy = "fixed", base = "1h" }}'
BODY = b"1" * 13 + b"\n"


@pytest.fixture
async def fleet(fleet):
    """A fleet whose types are announced, so that jobs can be enqueued before a worker is there to claim them."""
    async with fleet.here():
        pass
    return fleet


async def enqueue(fleet, type_name, *works):
    """Enqueue one job for each of *works*, to be claimed together by a worker that starts afterwards."""
    return await fleet.jobs.enqueue_many([(type_name, work) for work in works])


async def ends(handles):
    """Wait for the end of every job and return what is known of each."""
    for handle in handles:
        with suppress(JobFailed, JobCancelled):
            await handle.result(timeout=30)
    return [await handle.info() for handle in handles]


async def hold(fleet, type_name, count=3, gate="never"):
    """Enqueue jobs whose handler holds at a gate, all in one call."""
    return await enqueue(fleet, type_name, *[{"do": "hold", "text": gate}] * count)


async def held(fleet, handles):
    """Wait until the handler of all these jobs has started."""
    await until(lambda: all(fleet.ledger.starts()[handle.id] for handle in handles), "the call has started")


def sizes(fleet):
    """Count the calls by how many jobs they had."""
    return Counter(int(line.what.removeprefix("call of ")) for line in fleet.ledger.lines() if "call of " in line.what)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_what_one_claim_brought_is_cut_into_calls_of_at_most_the_batch(fleet, type_name):
    handles = await enqueue(fleet, type_name, *[{"text": str(number)} for number in range(10)])
    async with fleet.here():
        assert [str(number) for number in range(10)] == [await handle.result(timeout=30) for handle in handles]
    assert {4: 2, 2: 1} == sizes(fleet)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_job_that_comes_alone_does_not_wait_for_others(fleet, type_name):
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"text": "alone"})

        assert "alone" == await handle.result(timeout=30)
    assert {1: 1} == sizes(fleet)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_results_and_signals_are_each_jobs_own_outcome(fleet, type_name):
    works = [{"text": "fine"}, {"do": "cancel", "text": "unwanted"}, {"do": "fail", "text": "broken"}]
    async with fleet.here():
        done, cancelled, failed = await ends(await enqueue(fleet, type_name, *works))

    assert (State.COMPLETED, 0) == (done.state, done.attempts)
    assert (State.CANCELLED, "[payload]") == (cancelled.state, cancelled.reason)
    assert (State.FAILED, "[payload]", 1) == (failed.state, failed.reason, failed.attempts)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_an_exception_in_the_list_is_the_attempt_of_that_job_alone(fleet, type_name):
    fleet.configure(LATER.format(type_name))
    works = [{"do": "raise", "text": "it"}, {"do": "retry", "n": 3_600_000}, {"do": "snooze", "n": 3_600_000}, {}]
    handles = await enqueue(fleet, type_name, *works)
    async with fleet.here():
        assert "" == await handles[-1].result(timeout=30)
        await until(lambda: no_longer_active(handles), "the others are recorded")
    raised, retried, snoozed, done = [await handle.info() for handle in handles]

    assert [State.DELAYED] * 3 == [info.state for info in (raised, retried, snoozed)]
    assert [(1, 0), (1, 0), (0, 1), (0, 0)] == [
        (info.attempts, info.snoozes) for info in (raised, retried, snoozed, done)
    ]
    assert ["RuntimeError"] == [error.error for error in raised.errors]
    assert {4: 1} == sizes(fleet)


async def no_longer_active(handles):
    """Whether none of the jobs is active."""
    return State.ACTIVE not in [await handle.status() for handle in handles]


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_result_that_cannot_be_kept_fails_that_job_alone(fleet, type_name):
    handles = await enqueue(fleet, type_name, {"do": "large", "n": 300_000}, {"do": "class"}, {"text": "fine"})
    async with fleet.here():
        large, no_json, done = await ends(handles)

    assert "result: 300002 bytes are over the limit of 262144; store it and return a reference" == large.reason
    assert "result: type is not JSON; return plain values" == no_json.reason
    assert State.COMPLETED == done.state


@pytest.mark.parametrize("type_name", EVERYWHERE)
@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("short", "the handler of 3 jobs returned 2 results: return one for each, in order"),
        ("no_list", "the handler of 3 jobs returned dict, not a list of 3 results"),
        ("raise_all", "cannot handle [payload]"),
    ],
)
async def test_a_call_that_raises_or_answers_wrong_is_an_attempt_of_every_job(fleet, type_name, do, message):
    fleet.configure(ONCE.format(type_name))
    handles = await enqueue(fleet, type_name, {"do": do, "text": "of the first"}, {"text": "second"}, {"text": "third"})
    async with fleet.here():
        infos = await ends(handles)

    assert [(State.FAILED, 1)] * 3 == [(info.state, info.attempts) for info in infos]
    assert [[message]] * 3 == [[error.message for error in info.errors] for info in infos], "no neighbour's values"


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_signal_that_the_call_raises_is_every_jobs(fleet, type_name):
    handles = await enqueue(fleet, type_name, {"do": "retry_all", "text": "not yet"}, {"text": "second"})
    async with fleet.here():
        await until(lambda: are_delayed(handles), "both wait for another attempt")
    infos = [await handle.info() for handle in handles]

    assert [1, 1] == [info.attempts for info in infos]
    assert ["[payload]"] * 2 == [info.errors[0].message for info in infos]


async def are_delayed(handles):
    """Whether all the jobs wait for another attempt."""
    return {State.DELAYED} == {await handle.status() for handle in handles}


@pytest.mark.parametrize("type_name", STOPPABLE)
async def test_the_timeout_is_the_calls_and_an_attempt_of_every_job(fleet, type_name):
    fleet.configure(SHORT.format(type_name))
    handles = await hold(fleet, type_name)
    async with fleet.here():
        infos = await ends(handles)

    assert ["over its timeout of 300ms"] * 3 == [info.errors[0].message for info in infos]
    assert {3: 1} == sizes(fleet)


async def test_a_thread_over_its_timeout_keeps_the_place_of_every_job_and_the_timeout_stands(fleet):
    fleet.configure(SHORT.format("work.batch_thread"))
    handles = await hold(fleet, "work.batch_thread", gate="late")
    async with fleet.here() as runtime:
        await held(fleet, handles)
        attempts = list(runtime.execution.running.values())
        await until(lambda: all(attempt.ended for attempt in attempts), "the timeout is over")

        assert {State.ACTIVE} == {await handle.status() for handle in handles}
        fleet.ledger.open_gate("late")
        assert {State.FAILED} == {info.state for info in await ends(handles)}


async def test_a_job_with_a_timeout_of_its_own_shares_no_call_with_the_others(fleet):
    fleet.configure('[jobs."work.batch"]\nmax_retries = 0')
    others = await hold(fleet, "work.batch", gate="others")
    late = await fleet.jobs.enqueue("work.batch", {"do": "hold", "text": "others"}, timeout="100ms")
    async with fleet.here():
        assert [State.FAILED] == [info.state for info in await ends([late])]
        assert {State.ACTIVE} == {await handle.status() for handle in others}
        fleet.ledger.open_gate("others")
        assert {State.COMPLETED} == {info.state for info in await ends(others)}
    assert {3: 1, 1: 1} == sizes(fleet)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_cancel_of_one_job_ends_that_job_and_lets_the_call_go_on(fleet, type_name):
    handles = await hold(fleet, type_name, gate="go-on")
    async with fleet.here() as runtime:
        await held(fleet, handles)
        await handles[1].cancel("not this one")
        attempt = runtime.execution.running[handles[1].id.replace(":", "\t")]
        await until(lambda: attempt.ended, "the cancel has arrived")

        assert State.ACTIVE == await handles[1].status(), "its place is free when the handler has ended"
        fleet.ledger.open_gate("go-on")
        infos = await ends(handles)
    assert [State.COMPLETED, State.CANCELLED, State.COMPLETED] == [info.state for info in infos]
    assert ("not this one", 0) == (infos[1].reason, infos[1].attempts)


@pytest.mark.parametrize("type_name", STOPPABLE)
async def test_a_cancel_of_every_job_stops_the_call(fleet, type_name):
    handles = await hold(fleet, type_name)
    async with fleet.here():
        await held(fleet, handles)
        for handle in handles:
            await handle.cancel()
        for handle in handles:
            with pytest.raises(JobCancelled):
                await handle.result(timeout=10)


async def test_a_limit_of_a_type_counts_jobs(fleet):
    fleet.configure('[jobs."work.batch"]\nconcurrency = 3')
    handles = await enqueue(fleet, "work.batch", *[{"do": "sleep", "n": 50}] * 9)
    async with fleet.here():
        await ends(handles)

    assert 3 == fleet.ledger.most_at_once("work.batch")


async def test_the_jobs_of_a_call_count_against_the_limit_of_their_worker(fleet):
    fleet.configure(max_jobs=6)
    handles = await hold(fleet, "work.batch", 10, gate="six")
    async with fleet.here():
        await until(lambda: len(fleet.ledger.starts()) == 6, "the worker is full")
        other = await fleet.jobs.enqueue("work.other", {"text": "later"})
        counts = await fleet.jobs.counts("work.batch")

        assert (6, 4, State.WAITING) == (counts["active"], counts["waiting"], await other.status())
        fleet.ledger.open_gate("six")
        await ends([*handles, other])
    assert 6 == fleet.ledger.most_at_once("work.batch")


@pytest.mark.parametrize("type_name", ["work.batch_thread", "work.batch_process"])
async def test_a_call_takes_one_place_of_its_pool_however_many_jobs_it_has(fleet, type_name):
    fleet.configure(threads=2, children=2)
    handles = await hold(fleet, type_name, 12, gate="pool")
    async with fleet.here():
        await until(lambda: len(fleet.ledger.starts()) == 8, "both places are taken")

        counts = await fleet.jobs.counts(type_name)
        assert (8, 4) == (counts["active"], counts["waiting"])
        fleet.ledger.open_gate("pool")
        await ends(handles)
    assert {4: 3} == sizes(fleet)


@pytest.mark.parametrize(
    ("batched", "single"), [("work.batch_thread", "work.thread"), ("work.batch_process", "work.process")]
)
async def test_calls_and_single_jobs_together_run_no_more_handlers_than_their_pool_has_places(fleet, batched, single):
    fleet.configure(threads=1, children=1)
    together, alone = await hold(fleet, batched, 4, gate="one"), await hold(fleet, single, 1, gate="one")
    async with fleet.here():
        await until(fleet.ledger.starts, "one of them has started")
        fleet.ledger.open_gate("one")
        await ends([*together, *alone])
    runs = fleet.ledger.runs()
    (one,) = [run for run in runs if run.job == alone[0].id]

    assert all(run.end <= one.start or run.start >= one.end for run in runs if run is not one)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_only_a_job_that_completes_sends_its_follow_ups(fleet, type_name):
    fleet.configure(ONCE.format(type_name))
    works = [
        {"do": "follow", "text": "sent"},
        {"do": "follow", "n": 1, "text": "dropped"},
        {"do": "follow", "text": "too"},
    ]
    handles = await enqueue(fleet, type_name, *works)
    async with fleet.here():
        infos = await ends(handles)
        followed = [await (await fleet.jobs.job(await handles[at].result())).result(timeout=30) for at in (0, 2)]
        await fleet.ended()

    assert [State.COMPLETED, State.FAILED, State.COMPLETED] == [info.state for info in infos]
    assert ["sent", "too"] == followed
    assert 2 == len(fleet.ledger.starts("work.other"))


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_payload_that_cannot_be_read_ends_its_job_before_the_call_of_the_others(fleet, type_name):
    handles = await enqueue(fleet, type_name, *[{"text": "fine"}] * 4)
    store, written = fleet.jobs.store, [BODY + b'{"body":{"do":7}}', BODY + b"nonsense"]
    for handle, payload in zip(handles, written, strict=False):
        await store.redis.hset(store.keys.payload(type_name), handle.id.partition(":")[2], payload)
    async with fleet.here():
        infos = await ends([handles[0], *handles[2:]])
        await until(lambda: is_parked(handles[1]), "the other is parked")

    assert [State.FAILED, State.COMPLETED, State.COMPLETED] == [info.state for info in infos]
    assert {2: 1} == sizes(fleet)


async def is_parked(handle):
    """Whether a job is parked."""
    return State.PARKED == await handle.status()


async def test_the_death_of_its_child_is_a_crash_of_every_job(fleet):
    handles = await enqueue(fleet, "work.batch_process", {"text": "beside"}, {"do": "die", "n": 7}, {"text": "beside"})
    async with fleet.here():
        infos = await ends(handles)

    assert [0] * 3 == [info.attempts for info in infos]
    assert all(info.crashes >= 1 for info in infos)
    assert (State.FAILED, 3) == (infos[1].state, infos[1].crashes)
    assert sizes(fleet)[3] >= 1, "all three were in the first call; later ones have what a claim brings"


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_worker_that_stops_gives_every_job_of_a_call_back(fleet, type_name):
    fleet.configure(grace="100ms")
    handles = await hold(fleet, type_name, gate="again")
    (worker,) = await fleet.start()
    await held(fleet, handles)
    worker.signal()

    assert 0 == await worker.exit_code(), worker.said()
    infos = [await handle.info() for handle in handles]
    assert [(0, 0, 1)] * 3 == [(info.attempts, info.crashes, info.interrupts) for info in infos]
    fleet.ledger.open_gate("again")
    await fleet.start()
    assert {State.COMPLETED} == {info.state for info in await ends(handles)}


@pytest.mark.slow
async def test_a_worker_that_is_killed_has_every_job_of_its_calls_run_again_by_another(fleet):
    handles = await hold(fleet, "work.batch", 6, gate="taken-over")
    (worker,) = await fleet.start()
    await held(fleet, handles)
    await fleet.start()
    fleet.kill(worker)
    fleet.ledger.open_gate("taken-over")
    await until(lambda: all(fleet.ledger.starts()[handle.id] == 2 for handle in handles), "they run again", 40)
    infos = await ends(handles)

    assert [(State.COMPLETED, 0, 1)] * 6 == [(info.state, info.attempts, info.crashes) for info in infos]


async def test_a_call_whose_lease_was_lost_is_stopped_and_records_nothing(fleet):
    handles = await hold(fleet, "work.batch")
    async with fleet.here() as runtime:
        await held(fleet, handles)
        runtime.execution.lose()
        await until(lambda: not runtime.execution.tasks, "the call has ended")

        assert 0 == runtime.execution.jobs
        assert {State.ACTIVE} == {await handle.status() for handle in handles}
