"""How a job can end: by what its handler returns and raises, in each place where handlers run."""

from __future__ import annotations

from contextlib import suppress

import pytest

from jobframe.core.errors import JobCancelled, JobFailed
from jobframe.core.job import State

EVERYWHERE = ["work.loop", "work.thread", "work.process", "work.process_async"]
ONCE = '[jobs."{0}"]\nmax_retries = 0'
AT_ONCE = '[jobs."{0}"]\nbackoff = "none"\nmax_retries = 1'


async def ended(fleet, handle):
    """Wait for the end of a job, whatever it is, and return what is known of it."""
    with suppress(JobFailed, JobCancelled):
        await handle.result(timeout=30)
    return await handle.info()


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_result_comes_back_from_wherever_the_handler_runs(fleet, type_name):
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "answer", "text": "grüße"})

        assert "grüße" == await handle.result(timeout=30)
        assert State.COMPLETED == await handle.status()


@pytest.mark.parametrize("type_name", EVERYWHERE)
@pytest.mark.parametrize("do", ["exit", "interrupt", "unforeseen", "cancelled"])
async def test_what_is_no_exception_is_a_failed_attempt_all_the_same(fleet, type_name, do):
    fleet.configure(AT_ONCE.format(type_name))
    async with fleet.here() as runtime:
        info = await ended(fleet, await fleet.jobs.enqueue(type_name, {"do": do, "n": 3}))
        other = await fleet.jobs.enqueue(type_name, {"text": "still here"})

        assert "still here" == await other.result(timeout=30)
        assert [] == [task for task in runtime._tasks if task.done()]
    assert (State.FAILED, 2) == (info.state, info.attempts)
    assert info.reason.startswith("exhausted: 2 of 2 attempts failed, the last with ")


@pytest.mark.parametrize("type_name", EVERYWHERE)
@pytest.mark.parametrize(
    ("work", "reason"),
    [
        ({"do": "object"}, "result: tuple is not JSON; return plain values"),
        ({"do": "large", "n": 300_000}, "result: 300002 bytes are over the limit of 262144"),
    ],
)
async def test_a_result_that_cannot_be_kept_fails_the_job_at_once(fleet, type_name, work, reason):
    async with fleet.here():
        info = await ended(fleet, await fleet.jobs.enqueue(type_name, work))

    assert (State.FAILED, 1) == (info.state, sum(fleet.ledger.starts().values()))
    assert info.reason.startswith(reason)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_retry_asks_for_another_attempt_and_uses_one(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 2\nbackoff = {{ strategy = "fixed", base = "1h" }}')
    async with fleet.here():
        info = await ended(fleet, await fleet.jobs.enqueue(type_name, {"do": "retry", "n": 1, "text": "not yet"}))

    assert (State.FAILED, 3) == (info.state, info.attempts)
    assert ["[payload]"] * 3 == [error.message for error in info.errors]


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_the_retry_of_arq_is_understood(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 1\nbackoff = {{ strategy = "fixed", base = "1h" }}')
    async with fleet.here():
        info = await ended(fleet, await fleet.jobs.enqueue(type_name, {"do": "arq_retry", "n": 1}))

    assert (State.FAILED, 2) == (info.state, info.attempts)
    assert info.reason.endswith("the last with Retry")


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_snooze_uses_no_attempt_until_there_were_too_many(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_snoozes = 2')
    async with fleet.here():
        info = await ended(fleet, await fleet.jobs.enqueue(type_name, {"do": "snooze", "n": 1}))

    assert (State.FAILED, 2) == (info.state, info.snoozes)
    assert "max_snoozes: asked to be run later more than 2 times" == info.reason
    assert [1, 1, 1] == [line.attempt for line in fleet.ledger.lines("start")]


@pytest.mark.parametrize("type_name", EVERYWHERE)
@pytest.mark.parametrize(("do", "state"), [("cancel", State.CANCELLED), ("fail", State.FAILED)])
async def test_cancel_and_fail_end_the_job_with_their_reason(fleet, type_name, do, state):
    async with fleet.here():
        info = await ended(fleet, await fleet.jobs.enqueue(type_name, {"do": do, "text": "no use"}))

    assert (state, 1) == (info.state, sum(fleet.ledger.starts().values()))
    assert "no use" not in info.reason, "a reason made of a payload value is masked"
    assert "[payload]" == info.reason


async def test_the_third_death_of_its_child_makes_a_job_poison(fleet):
    async with fleet.here():
        info = await ended(fleet, await fleet.jobs.enqueue("work.process", {"do": "die", "n": 7}))

        assert "next" == await (await fleet.jobs.enqueue("work.process", {"text": "next"})).result(timeout=30)
    assert (State.FAILED, 0, 3) == (info.state, info.attempts, info.crashes)
    assert "poison: its process died 3 times while it ran" == info.reason
    assert ["its child process ended with exit code 7"] * 3 == [error.message for error in info.errors]


@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_fail_on_and_retry_on_judge_an_exception_by_its_class(fleet, type_name):
    fleet.configure(
        f'[jobs."{type_name}"]\nfail_on = ["OSError"]\n[jobs."work.other"]\nretry_on = ["builtins.ValueError"]'
    )
    async with fleet.here():
        named = await ended(fleet, await fleet.jobs.enqueue(type_name, {"do": "flaky", "n": 9}))
        unnamed = await ended(fleet, await fleet.jobs.enqueue("work.other", {"do": "raise", "text": "it"}))

    assert ("fail_on: ConnectionError", 1) == (named.reason.replace("RemoteError", "ConnectionError"), named.attempts)
    assert ("not in retry_on: RuntimeError", 1) == (unnamed.reason, unnamed.attempts)
