"""Timeouts and cancels wherever handlers run: what came first stands, and a slot is free when its handler has ended."""

from __future__ import annotations

import os
import subprocess

import pytest

from jobframe.core.errors import JobCancelled, JobFailed
from jobframe.core.job import State
from tests.fleet.workers import until

STOPPABLE = ["work.loop", "work.process", "work.process_async"]
SHORT = '[jobs."{0}"]\ntimeout = "300ms"\nmax_retries = 0\nconcurrency = 1'
EXHAUSTED = "exhausted: 1 of 1 attempts failed, the last with TimeoutError"


async def started(fleet, handle):
    """Wait until the handler of a job has started."""
    await until(lambda: fleet.ledger.starts()[handle.id], f"{handle.id} starts")


async def hold(fleet, type_name="work.loop", gate="end", **options):
    """Enqueue a job that holds at a gate and wait until it does."""
    handle = await fleet.jobs.enqueue(type_name, {"do": "hold", "text": gate}, **options)
    await started(fleet, handle)
    return handle


@pytest.mark.parametrize("type_name", STOPPABLE)
async def test_a_handler_over_its_timeout_is_stopped_before_its_slot_is_free(fleet, type_name):
    fleet.configure(SHORT.format(type_name))
    async with fleet.here():
        late = await hold(fleet, type_name)
        after = await fleet.jobs.enqueue(type_name, {"text": "after"})

        with pytest.raises(JobFailed, match=EXHAUSTED):
            await late.result(timeout=30)
        assert "after" == await after.result(timeout=30)
    info = await late.info()
    last_sign = max(line.ns for line in fleet.ledger.lines(job=late.id))
    assert last_sign < fleet.ledger.runs(after.id)[0].start
    assert (1, ["TimeoutError"]) == (info.attempts, [error.error for error in info.errors])
    assert "over its timeout of 300ms" == info.errors[0].message


@pytest.mark.parametrize("type_name", ["work.process", "work.process_async"])
async def test_the_process_of_a_job_over_its_timeout_is_gone_before_its_slot_is_free(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\ntimeout = "1s"\nmax_retries = 0\nconcurrency = 1')
    async with fleet.here():
        late = await hold(fleet, type_name)
        (run,) = fleet.ledger.runs(late.id)
        after = await fleet.jobs.enqueue(type_name, {"do": "exists", "n": run.pid})

        assert (await after.result(timeout=30)) is False
    assert run.pid not in (os.getpid(), fleet.ledger.runs(after.id)[0].pid)
    assert State.FAILED == await late.status()


@pytest.mark.parametrize("end", ["timeout", "cancel"])
async def test_the_programs_that_a_stopped_handler_has_started_end_with_it(fleet, end):
    async with fleet.here():
        timeout = "1s" if end == "timeout" else "1h"
        handle = await fleet.jobs.enqueue("work.process", {"do": "spawn"}, timeout=timeout, max_retries=0)
        await until(lambda: spawned(fleet), "the program is started")
        if end == "cancel":
            await handle.cancel()
        with pytest.raises(JobFailed if end == "timeout" else JobCancelled):
            await handle.result(timeout=30)

        await until(lambda: not runs(spawned(fleet)), "the program has ended")


def spawned(fleet):
    """The process that a handler has started."""
    return next((int(line.what.split()[1]) for line in fleet.ledger.lines() if line.what.startswith("spawned")), 0)


def runs(pid):
    """Whether that process runs; one that has ended may stand in the list until its parent notices."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.startswith("Z")


async def test_a_thread_over_its_timeout_keeps_its_slot_and_the_timeout_stands(fleet):
    fleet.configure(SHORT.format("work.thread"))
    async with fleet.here() as runtime:
        late = await hold(fleet, "work.thread", gate="late")
        after = await fleet.jobs.enqueue("work.thread", {"text": "after"})
        (attempt,) = runtime.execution.running.values()
        await until(lambda: attempt.ended, "the timeout is over")

        assert (State.ACTIVE, State.WAITING) == (await late.status(), await after.status())
        fleet.ledger.open_gate("late")
        with pytest.raises(JobFailed, match=EXHAUSTED):
            await late.result(timeout=30)
        assert "after" == await after.result(timeout=30)
    assert 1 == fleet.ledger.most_at_once("work.thread")


@pytest.mark.parametrize("type_name", [*STOPPABLE, "work.thread"])
async def test_a_job_that_is_not_running_is_cancelled_at_once(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nconcurrency = 1')
    async with fleet.here():
        running = await hold(fleet, type_name, gate="running")
        waiting = await fleet.jobs.enqueue(type_name)
        delayed = await fleet.jobs.enqueue(type_name, delay="1h")

        assert [State.CANCELLED, State.CANCELLED] == [await waiting.cancel("why"), await delayed.cancel()]
        with pytest.raises(JobCancelled, match="why"):
            await waiting.result(timeout=5)
        fleet.ledger.open_gate("running")
        assert "running" == await running.result(timeout=30)
    assert {running.id: 1} == fleet.ledger.starts()
    assert State.COMPLETED == await running.cancel("too late")


@pytest.mark.parametrize("type_name", STOPPABLE)
async def test_a_running_handler_is_cancelled_within_two_seconds(fleet, type_name):
    async with fleet.here():
        handle = await hold(fleet, type_name)

        assert State.ACTIVE == await handle.cancel("not wanted")
        with pytest.raises(JobCancelled, match="not wanted"):
            await handle.result(timeout=2)
    info = await handle.info()
    assert (State.CANCELLED, 0, "not wanted") == (info.state, info.attempts, info.reason)


async def test_a_thread_that_was_cancelled_ends_as_cancelled_whatever_it_returns(fleet):
    async with fleet.here() as runtime:
        handle = await hold(fleet, "work.thread", gate="thread")
        await handle.cancel("too slow")
        (attempt,) = runtime.execution.running.values()
        await until(lambda: attempt.ended, "the cancel has arrived")

        assert State.ACTIVE == await handle.status()
        fleet.ledger.open_gate("thread")
        with pytest.raises(JobCancelled, match="too slow"):
            await handle.result(timeout=30)


@pytest.mark.parametrize(("end", "state"), [("cancel", State.CANCELLED), ("timeout", State.FAILED)])
async def test_a_handler_that_swallows_its_cancellation_keeps_its_slot_and_changes_nothing(fleet, end, state):
    fleet.configure('[jobs."work.loop"]\nmax_retries = 0\nconcurrency = 1')
    timeout = "300ms" if end == "timeout" else "1h"
    async with fleet.here():
        handle = await fleet.jobs.enqueue("work.loop", {"do": "swallow", "text": "swallower"}, timeout=timeout)
        await started(fleet, handle)
        if end == "cancel":
            await handle.cancel()
        await until(lambda: fleet.ledger.lines("swallowed"), "the handler swallows it")
        after = await fleet.jobs.enqueue("work.loop")

        assert State.WAITING == await after.status()
        fleet.ledger.open_gate("swallower")
        await after.result(timeout=30)
    assert state == await handle.status()
    assert 1 == fleet.ledger.most_at_once("work.loop")


@pytest.mark.parametrize(("do", "type_name"), [("hold", "work.thread"), ("swallow", "work.loop")])
async def test_a_timeout_stands_though_the_worker_stops_before_the_handler_does(fleet, do, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 0')
    async with fleet.here() as runtime:
        handle = await fleet.jobs.enqueue(type_name, {"do": do, "text": "later"}, timeout="100ms")
        await started(fleet, handle)
        (attempt,) = runtime.execution.running.values()
        await until(lambda: attempt.ended, "the timeout is over")
    info = await handle.info()
    fleet.ledger.open_gate("later")
    await until(lambda: fleet.ledger.lines("end"), "the handler ends")

    assert (State.FAILED, 1, 0) == (info.state, info.attempts, info.interrupts)


async def test_a_child_killed_while_it_is_idle_costs_nothing(fleet):
    async with fleet.here() as runtime:
        await (await fleet.jobs.enqueue("work.process")).result(timeout=30)
        (child,) = runtime._parts.children._idle
        child._process.kill()
        child._process.join()
        handle = await fleet.jobs.enqueue("work.process", {"do": "facts"})

        assert 1 == (await handle.result(timeout=30))[0]
    assert 0 == (await fleet.jobs.counts())["crashed"]


async def test_the_start_of_a_child_is_not_part_of_its_jobs_timeout(fleet):
    fleet.configure('[jobs."work.process"]\ntimeout = "200ms"\nmax_retries = 0')
    async with fleet.here():
        handle = await fleet.jobs.enqueue("work.process", {"text": "in time"})

        assert "in time" == await handle.result(timeout=30)
