"""``unique`` over many producers at once, each a process: every job is made once."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.fleet.workers import ROOT, until

PRODUCERS, KEYS, TIMES = 10, 1_000, 100
"""Each of them enqueues each key so often: a million calls' worth of jobs, of which a thousand are made."""

PRODUCER = Path(__file__).with_name("producer.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def producers(fleet):
    """Processes that wait for their start."""
    started = []
    try:
        for number in range(PRODUCERS):
            arguments = [fleet.url, fleet.namespace, "work.loop", KEYS, TIMES, number]
            started.append(
                subprocess.Popen(
                    [sys.executable, PRODUCER, *map(str, arguments)],
                    cwd=ROOT,
                    env={"PYTHONPATH": str(ROOT)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


async def produce(producers):
    """Let all begin at once and return how many jobs each of them made."""
    for process in producers:
        assert "ready\n" == await asyncio.to_thread(process.stdout.readline)
    ends = await asyncio.gather(*[asyncio.to_thread(process.communicate, "") for process in producers])
    return [int(out) for out, _ in ends]


async def test_with_no_worker_running_every_key_makes_one_job(fleet, producers):
    fleet.configure('[jobs."work.loop"]\nunique = { by = ["text"] }')
    async with fleet.here():
        pass

    made = await produce(producers)

    assert KEYS == sum(made)
    assert KEYS == (await fleet.jobs.counts())["waiting"]


async def test_inside_a_window_with_workers_running_every_key_makes_and_runs_one_job(fleet, producers):
    fleet.configure('[jobs."work.loop"]\nunique = { by = ["text"], window = "10m" }\nkeep_result = "10m"')
    await fleet.start(2)

    made = await produce(producers)
    counts = await fleet.ended()
    await until(lambda: len(fleet.ledger.runs("work.loop")) >= KEYS, "every run has written itself down")

    assert KEYS == sum(made)
    assert KEYS == counts["completed"]
    assert {1} == set(Counter(run.job for run in fleet.ledger.runs("work.loop")).values())
