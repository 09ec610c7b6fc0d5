"""A cancel by id, from anywhere, whatever the job is doing; twice is once, and no other job is ever meant."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from jobframe.core.errors import JobCancelled, JobNotFound
from jobframe.core.job import State
from jobframe.core.outcome import Completed, Retried
from jobframe.store.leases import Renewed
from tests.conformance.world import DAY, names
from tests.fleet.workers import until

ANYWHERE = ["work.loop", "work.thread", "work.process"]


async def cancel_elsewhere(fleet, job_id):
    """Cancel by a command of a process of its own, which knows nothing but the id; return what it printed."""
    command = [Path(sys.executable).with_name("jobframe"), "cancel", job_id, "--reason", "wrong source"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=fleet.folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


async def hold(fleet, type_name, gate, **options):
    """Enqueue a job that holds at a gate and wait until it does."""
    handle = await fleet.jobs.enqueue(type_name, {"do": "hold", "text": gate}, **options)
    await until(lambda: fleet.ledger.lines("tick", handle.id), f"{handle.id} holds")
    return handle


@pytest.mark.parametrize("type_name", ANYWHERE)
async def test_another_process_cancels_by_id_what_waits_is_delayed_or_runs(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nconcurrency = 1')
    async with fleet.here() as runtime:
        running = await hold(fleet, type_name, "gate")
        waiting = await fleet.jobs.enqueue(type_name)
        delayed = await fleet.jobs.enqueue(type_name, delay="1h")
        (attempt,) = runtime.execution.running.values()

        for handle in (waiting, delayed):
            assert State.CANCELLED == await fleet.jobs.cancel(handle.id, "wrong source")
        assert f"asked {running.id} to stop: it is running\n" == await cancel_elsewhere(fleet, running.id)
        await until(lambda: attempt.ended, "its worker has heard of it")
        if type_name == "work.thread":  # which runs on
            fleet.ledger.open_gate("gate")
        for handle in (running, waiting, delayed):
            with pytest.raises(JobCancelled, match="wrong source"):
                await handle.result(timeout=30)
        assert 3 == (await fleet.ended())["cancelled"]
    assert {running.id: 1} == fleet.ledger.starts()


async def test_a_second_cancel_changes_nothing(fleet):
    async with fleet.here():
        handle = await hold(fleet, "work.thread", "gate")
        waiting = await fleet.jobs.enqueue("work.loop", delay="1h")
        assert [State.CANCELLED] * 2 == [await waiting.cancel("first"), await waiting.cancel("second")]
        assert [State.ACTIVE] * 3 == [await handle.cancel(f"time {n}") for n in range(3)]
        fleet.ledger.open_gate("gate")

        with pytest.raises(JobCancelled):
            await handle.result(timeout=30)
        before = await handle.info()
        assert State.CANCELLED == await handle.cancel("once more")
    assert before == await handle.info()
    assert "first" == (await waiting.info()).reason
    assert 2 == (await fleet.jobs.counts())["cancelled"]


async def test_a_cancel_of_a_job_that_does_not_exist_yet_does_not_concern_it(fleet):
    async with fleet.here():
        with pytest.raises(JobNotFound):
            await fleet.jobs.cancel("work.loop:later")
        said = await cancel_elsewhere(fleet, "work.loop:later")
        handle = await fleet.jobs.enqueue("work.loop", {"text": "ran"}, id="later")

        assert "ran" == await handle.result(timeout=30)
    assert "no job 'work.loop:later'" in said


@pytest.mark.parametrize("outcome", [Completed(), Retried(0)])
async def test_a_cancel_that_came_too_late_does_not_concern_the_next_job_of_that_id(world, outcome):
    await world.join("w1", "a")
    first = await world.start("w1", "a", "x", given=True)
    assert "active" == await world.cancel("a:x", "too late")
    await world.end("w1", first, outcome)
    world.now += DAY
    await world.join("w1", "a", joining=True)
    await world.sweep()

    again = await world.start("w1", "a", "x", given=True)
    assert {} == world.renew("w1").cancels
    await world.end("w1", again, Retried(0))
    assert ["a:x"] == names(await world.claim())


async def test_a_cancel_heard_late_does_not_stop_the_next_run_of_that_job(fleet):
    """The answer to a renewal may be on its way while the job ends and is claimed again: the fence tells them apart."""
    async with fleet.here() as runtime:
        handle = await hold(fleet, "work.loop", "gate")
        ((name, attempt),) = runtime.execution.running.items()
        runtime._on_renewed(Renewed(1, 0, False, {name: (attempt.claimed.fence - 1, "of an earlier run")}))
        assert attempt.ended is None
        fleet.ledger.open_gate("gate")

        assert "gate" == await handle.result(timeout=30)


async def test_a_cancel_is_obeyed_though_its_message_was_lost(fleet):
    """The channel only makes it quick: the next renewal of the lease tells it too."""
    fleet.configure(lease="3s")
    async with fleet.here() as runtime:
        handle = await hold(fleet, "work.loop", "gate")
        await runtime.membership._listener.aclose()
        assert State.ACTIVE == await handle.cancel("not wanted")

        with pytest.raises(JobCancelled, match="not wanted"):
            await handle.result(timeout=30)
