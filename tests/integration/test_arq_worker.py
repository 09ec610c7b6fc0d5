"""``arq jobframe.WorkerSettings`` and plain arq producers, whole: real commands, real handlers, one real server."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys

import pytest
from arq.connections import ArqRedis
from arq.jobs import JobStatus

import jobframe
from jobframe.core.job import State
from jobframe.store.inspect import workers
from tests.fleet.workers import PATIENCE_S, ROOT, until

ARQ = ["-m", "arq", "jobframe.WorkerSettings"]
OURS = ["-m", "jobframe", "worker", "--no-status"]


class Command:
    """A command in the fleet's folder, ended with the test."""

    def __init__(self, folder, *words):
        self.output = folder / f"command-{id(self)}.log"
        environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "ACME_LEDGER": str(folder / "ledger")}
        with self.output.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, *words], cwd=folder, env=environment, stdout=sink, stderr=subprocess.STDOUT
            )

    async def exit_code(self):
        await until(lambda: self.process.poll() is not None, f"the command ends\n{self.output.read_text()[-3000:]}")
        return self.process.returncode


@pytest.fixture
async def run(fleet):
    """Start commands in the fleet's folder, where arq's queue is served."""
    toml = fleet.folder / "jobs.toml"
    toml.write_text(toml.read_text().replace('queue = ""', 'queue = "arq:queue"') + "[status]\nport = 0\n")
    commands = []

    def start(*words):
        commands.append(Command(fleet.folder, *words))
        return commands[-1]

    yield start
    for command in commands:
        command.process.kill()
        command.process.wait()


@pytest.fixture
async def arq(fleet):
    client = ArqRedis(
        unix_socket_path=fleet.url.removeprefix("unix://"),
        job_serializer=jobframe.arq_dumps,
        job_deserializer=jobframe.arq_loads,
    )
    yield client
    await client.aclose()


async def joined(fleet, count=1):
    await until(lambda: _count(fleet, count), f"{count} workers join")


async def _count(fleet, count):
    return len(await workers(fleet.jobs.store)) == count


@pytest.mark.parametrize("words", [ARQ, OURS], ids=["arq", "jobframe"])
async def test_a_plain_arq_producer_gets_its_job_run_from_either_command(fleet, run, arq, words):
    command = run(*words)
    job = await arq.enqueue_job("work.loop", "answer", text="hello")

    assert "hello" == await job.result(timeout=PATIENCE_S, poll_delay=0.05)
    assert JobStatus.complete == await job.status()
    assert State.COMPLETED == await (await fleet.jobs.job(f"work.loop:{job.job_id}")).status()

    command.process.send_signal(signal.SIGTERM)
    assert 0 == await command.exit_code()


async def test_the_policy_holds_for_jobs_from_arq(fleet, run, arq):
    toml = fleet.folder / "jobs.toml"
    toml.write_text(toml.read_text() + '[jobs."work.loop"]\nmax_retries = 2\nbackoff = "none"\n')
    run(*ARQ)
    flaky = await arq.enqueue_job("work.loop", do="flaky", n=2)
    broken = await arq.enqueue_job("work.loop", do="raise", text="hunter2")

    assert 3 == await flaky.result(timeout=PATIENCE_S, poll_delay=0.05)
    assert 3 == (await flaky.result_info()).job_try
    with pytest.raises(jobframe.JobFailed, match="3 of 3 attempts") as caught:
        await broken.result(timeout=PATIENCE_S, poll_delay=0.05)
    assert "hunter2" not in str(caught.value)


async def test_a_payload_of_the_wrong_shape_fails_and_is_kept(fleet, run, arq):
    run(*ARQ)
    job = await arq.enqueue_job("work.loop", n="seven")

    with pytest.raises(jobframe.JobFailed, match="payload"):
        await job.result(timeout=PATIENCE_S, poll_delay=0.05)
    assert 1 == (await fleet.jobs.counts("work.loop"))["failed"]


@pytest.mark.parametrize("state", ["deferred", "waiting", "running"])
async def test_abort_returns_true_within_two_seconds(fleet, run, arq, state):
    toml = fleet.folder / "jobs.toml"
    toml.write_text(toml.read_text() + '[jobs."work.loop"]\nconcurrency = 1\n')
    run(*ARQ)
    running = await arq.enqueue_job("work.loop", do="hold", text="never")
    await until(fleet.ledger.starts, "the first job starts")
    job = running
    if state != "running":
        job = await arq.enqueue_job("work.loop", _defer_by=3600 if state == "deferred" else None)
    if state == "waiting":
        await until(lambda: _transferred(arq, job), "the job is taken over")

    assert await asyncio.wait_for(job.abort(), 2) is True
    assert JobStatus.complete == await job.status()
    assert {f"work.loop:{running.job_id}": 1} == fleet.ledger.starts()


async def _transferred(arq, job):
    return (await arq.zscore("arq:queue", job.job_id) or 0) < 0


async def test_status_says_in_progress_while_the_handler_runs(fleet, run, arq):
    run(*ARQ)
    job = await arq.enqueue_job("work.loop", do="hold", text="gate")
    await until(lambda: _is(job, JobStatus.in_progress), "arq sees it run")
    fleet.ledger.open_gate("gate")

    assert "gate" == await job.result(timeout=PATIENCE_S, poll_delay=0.05)


async def _is(job, status):
    return await job.status() == status


async def test_a_pickled_job_is_parked_and_never_loaded(fleet, run, arq):
    run(*ARQ)
    pickling = ArqRedis(unix_socket_path=fleet.url.removeprefix("unix://"), job_serializer=pickle.dumps)
    job = await pickling.enqueue_job("work.loop", text="x")
    await pickling.aclose()
    await until(lambda: _parked(fleet), "it is parked")

    assert "pickled" in (await (await fleet.jobs.job(f"arq.unreadable:{job.job_id}")).info()).reason
    assert {} == fleet.ledger.starts()


async def _parked(fleet):
    return (await fleet.jobs.counts())["parked"] == 1


@pytest.mark.parametrize("words", [ARQ, OURS], ids=["arq", "jobframe"])
async def test_a_burst_runs_all_that_waits_on_either_queue_and_ends(fleet, run, arq, words):
    assert 0 == await run(*words, "--burst").exit_code()  # announces the types
    jobs = [await arq.enqueue_job("work.loop", text=str(i)) for i in range(30)]
    later = await arq.enqueue_job("work.loop", text="later", _defer_by=3600)
    ours = await fleet.enqueue(30)
    command = run(*words, "--burst")

    assert 0 == await command.exit_code()
    assert [str(i) for i in range(30)] == [await job.result(timeout=1) for job in jobs]
    assert {*ours, *(f"work.loop:{job.job_id}" for job in jobs)} == {*fleet.ledger.starts()}
    assert JobStatus.deferred == await later.status()


async def test_check_answers_for_the_worker_of_this_machine(fleet, run):
    assert 1 == await run(*ARQ, "--check").exit_code()
    command = run(*ARQ)
    await joined(fleet)
    await until(lambda: _checks(run), "--check finds the worker")
    command.process.send_signal(signal.SIGTERM)
    assert 0 == await command.exit_code()
    assert 1 == await run(*ARQ, "--check").exit_code()


async def _checks(run):
    return await run(*ARQ, "--check").exit_code() == 0


async def test_a_drain_lets_running_jobs_end_and_uses_no_attempt_of_the_others(fleet, run, arq):
    fleet.configure(grace="10s")
    toml = fleet.folder / "jobs.toml"
    toml.write_text(toml.read_text().replace('queue = ""', 'queue = "arq:queue"'))
    command = run(*ARQ)
    job = await arq.enqueue_job("work.loop", do="hold", text="gate")
    await until(fleet.ledger.starts, "the job starts")
    command.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)
    fleet.ledger.open_gate("gate")

    assert 0 == await command.exit_code()
    assert "gate" == await job.result(timeout=1)


@pytest.mark.parametrize("server", ["up", "down"])
async def test_two_signals_give_everything_back_at_once_also_without_a_server(durable_fleet, own_server, server):
    fleet = durable_fleet
    command = Command(fleet.folder, *ARQ)
    try:
        await joined(fleet)
        handle = await fleet.jobs.enqueue("work.loop", {"do": "hold", "text": "never"})
        await until(fleet.ledger.starts, "the job starts")
        if server == "down":
            own_server.kill()
        command.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        command.process.send_signal(signal.SIGTERM)

        assert 0 == await asyncio.wait_for(command.exit_code(), 15)
        if server == "up":
            info = await handle.info()
            assert (State.WAITING, 0, 1) == (info.state, info.attempts, info.interrupts)
    finally:
        command.process.kill()
        command.process.wait()


async def test_several_processes_share_the_work_and_end_together(fleet, run, arq):
    command = run(*OURS, "--processes", "2")
    await joined(fleet, 2)
    jobs = [await arq.enqueue_job("work.loop", do="sleep", n=50, text=str(i)) for i in range(40)]
    results = [await job.result(timeout=PATIENCE_S, poll_delay=0.05) for job in jobs]
    command.process.send_signal(signal.SIGTERM)

    assert [str(i) for i in range(40)] == results
    assert 0 == await command.exit_code()
    assert command.process.pid not in {line.pid for line in fleet.ledger.lines()}
