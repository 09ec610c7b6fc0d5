"""Row 11: jobs of a type that no worker knows yet wait at no cost, and run once workers that know it are deployed."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from pathlib import Path

import pytest

from jobframe.core import jobtype
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, TIMEOUT_S, nothing_left, tell
from tests.fleet.workers import until

NEW = "work.newcomer"
JOBS = load(1_000)
ALONE_S, MOST_CPU = (60, 0.02) if FULL else (3, 0.05)

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_jobs_of_a_new_type_wait_beside_old_workers_and_run_once_it_is_deployed(fleet, monkeypatch):
    old = await fleet.start(2)
    await until(lambda: all("worker started" in worker.said() for worker in old), "they have started")
    newcomer = newer_plugin(monkeypatch).newcomer
    before = [cpu_s(worker) for worker in old]
    jobs = [handle.id for handle in await fleet.jobs.enqueue_many([(newcomer, {})] * JOBS)]
    await asyncio.sleep(ALONE_S)
    used = [(cpu_s(worker) - spent) / ALONE_S for worker, spent in zip(old, before, strict=True)]
    waiting = await fleet.jobs.counts(NEW)
    explanation = await fleet.jobs.explain(jobs[0])
    deployed = time.monotonic()
    new = await fleet.start(2)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    ended_s = time.monotonic() - deployed
    counts = await fleet.jobs.counts(NEW)

    tell(f"old workers used {used[0]:.2%}, {used[1]:.2%} of a core; all had run {ended_s:.2f} s after the deploy")
    assert (JOBS, 0) == (waiting["waiting"], waiting["parked"]), "only old workers were there"
    assert ["no-worker"] == [reason.code for reason in explanation.reasons]
    assert max(used) < MOST_CPU
    assert dict.fromkeys(jobs, 1) == fleet.ledger.starts()
    assert {worker.pid for worker in new} >= {line.pid for line in fleet.ledger.lines("start")}
    assert {1} == {line.attempt for line in fleet.ledger.lines("start")}
    assert (JOBS, 0, 0, 0, 0) == tuple(
        counts[name] for name in ("completed", "retried", "failed", "crashed", "interrupted")
    )
    assert [None, None] == [worker.process.poll() for worker in old]


def newer_plugin(monkeypatch):
    """Import the plugin as producers and workers have it after the deploy."""
    monkeypatch.setenv("ACME_VERSION", "2")
    monkeypatch.setattr(jobtype, "_declared", {})  # of this process: its types are no other test's
    return importlib.import_module("acme_work")


def cpu_s(worker):
    """Return how many seconds of a core a process has used so far."""
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
