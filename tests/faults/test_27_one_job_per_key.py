"""Row 27: ten processes enqueue the same keys again and again; each key makes one job, and each answer names it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobframe.core.job import State
from tests.faults.form import load
from tests.faults.under_load import PATIENCE_S, TIMEOUT_S, nothing_left, tell
from tests.fleet.workers import ROOT, until

PRODUCERS, KEYS, TIMES = 10, load(1_000), load(100)
"""Each of them enqueues each key so often: a million calls' worth of jobs, of which a thousand are made."""
TEXTS = [str(n) for n in range(KEYS)]
PRODUCER = Path(__file__).with_name("equal_jobs.py")

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.fixture
def producers(fleet):
    """Processes that wait for their start."""
    with ExitStack() as stack:
        started = []
        for number in range(PRODUCERS):
            arguments = [fleet.url, fleet.namespace, "work.loop", KEYS, TIMES, number]
            process = subprocess.Popen(
                [sys.executable, PRODUCER, *map(str, arguments)],
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield started


async def produce(producers):
    """Let all begin at once; returns how many jobs each of them made, and the one id that each text has for all."""
    for process in producers:
        assert "ready\n" == await asyncio.to_thread(process.stdout.readline)
    began = time.monotonic()
    for process in producers:
        process.stdin.close()
    answers = [json.loads(await asyncio.to_thread(process.stdout.read)) for process in producers]
    told = {text: {job for answer in answers for job in answer["told"][text]} for text in TEXTS}
    made = [answer["made"] for answer in answers]
    tell(f"{PRODUCERS * TIMES * KEYS} enqueues in {time.monotonic() - began:.1f} s; jobs made by each: {sorted(made)}")
    assert sum(map(bool, made)) > 1, "they raced"
    assert {1} == {len(ids) for ids in told.values()}, "every answer for a key named the same job"
    return made, {text: ids.pop() for text, ids in told.items()}


async def test_with_no_worker_running_every_key_makes_one_job(fleet, producers):
    fleet.configure('[jobs."work.loop"]\nunique = { by = ["text"] }')
    async with fleet.here():
        pass

    made, jobs = await produce(producers)

    assert KEYS == sum(made) == len(set(jobs.values()))
    assert KEYS == (await fleet.jobs.counts())["waiting"]


async def test_inside_a_window_with_workers_running_every_key_makes_and_runs_one_job(fleet, producers):
    fleet.configure('[jobs."work.loop"]\nunique = { by = ["text"], window = "1h" }\nkeep_result = "1h"')
    await fleet.start(2)

    made, jobs = await produce(producers)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    later = await fleet.jobs.enqueue_many([("work.loop", {"text": text}) for text in TEXTS])

    assert KEYS == sum(made)
    assert [(jobs[text], False) for text in TEXTS] == [(handle.id, handle.created) for handle in later]
    assert {State.COMPLETED} == {await handle.status() for handle in later}
    assert TEXTS == [await handle.result(timeout=10) for handle in later]
    assert (KEYS, 0) == ((counts := await fleet.jobs.counts())["completed"], counts["waiting"])
    await until(lambda: len(fleet.ledger.lines("end")) >= KEYS, "every run has written itself down")
    assert dict.fromkeys(jobs.values(), 1) == fleet.ledger.starts()
