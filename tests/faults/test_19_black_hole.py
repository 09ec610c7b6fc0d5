"""Row 19: a worker's network swallows everything for long, then heals; exclusive jobs never overlap."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, defaultdict

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, joined, nothing_left, now_ns, tell
from tests.fleet.workers import until

JOBS = load(2_000)
JOB_MS = 10_000 if FULL else 4_000
AWAY_S = 60
OTHERS = 3 if FULL else 2
MAX_JOBS = 50
EXCLUSIVE = '[jobs."work.other"]\nconcurrency = {}'
LIMIT = 80

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_worker_cut_off_gives_exclusive_jobs_up_before_another_starts_them(fleet, network):
    runtime = RUNTIME | {"max_jobs": MAX_JOBS}
    fleet.configure(EXCLUSIVE.format(LIMIT), **runtime)
    (cut_off,) = await fleet.start()
    exclusive = await fleet.enqueue(IN_FLIGHT, "work.other", do="hold", text="healed")
    in_steps = await fleet.enqueue(IN_FLIGHT, do="once_and_hold", text="healed")
    await until(lambda: len(fleet.ledger.lines("did second")) == IN_FLIGHT, "they hold", PATIENCE_S)
    fleet.url = f"unix://{network.server}"
    fleet.configure(EXCLUSIVE.format(LIMIT), **runtime)
    await fleet.start(OTHERS)
    jobs = await fleet.enqueue(JOBS // 2, do="sleep", n=JOB_MS)
    jobs += await fleet.enqueue(JOBS // 2, "work.other", do="sleep", n=JOB_MS)
    await until(lambda: _is_full(fleet, cut_off), "it is full, of jobs of both kinds", PATIENCE_S)
    network.swallow()
    cut_ns = now_ns()
    held = [*exclusive, *in_steps]
    await until(lambda: {2} == {fleet.ledger.starts()[job] for job in held}, "others took them over", PATIENCE_S)
    if FULL:
        await asyncio.sleep(AWAY_S - (now_ns() - cut_ns) / 1e9)
    network.heal()
    away_s = (now_ns() - cut_ns) / 1e9
    await until(lambda: joined(fleet, 1 + OTHERS), "the first one is back", PATIENCE_S)
    fleet.ledger.open_gate("healed")
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts, runs = await fleet.jobs.counts(), fleet.ledger.runs()

    there = {run.job for run in runs if run.pid == cut_off.pid and run.start < cut_ns < (run.end or now_ns())}
    again = Counter(run.job for run in runs) - Counter([*jobs, *held])
    gaps_s = [(second.start - first.end) / 1e9 for first, second in _twice(fleet.ledger.runs("work.other"))]
    tell(
        f"cut off for {away_s:.1f} s with {len(there)} in flight, {again.total()} ran again; exclusive ones had ended "
        f"{min(gaps_s):.2f} s before at least"
    )
    assert cut_off.process.poll() is None
    assert set(held) <= there
    assert set(again) <= there
    assert again.total() == len(again) == counts["crashed"]
    assert fleet.ledger.most_at_once("work.other") <= LIMIT
    assert len(gaps_s) >= IN_FLIGHT
    assert min(gaps_s) >= 0
    assert dict.fromkeys(in_steps, 1) == Counter(line.job for line in fleet.ledger.lines("did first"))
    assert (JOBS + len(held), 0, 0) == tuple(counts[name] for name in ("completed", "retried", "failed"))


async def test_a_worker_cut_off_gives_up_what_has_become_exclusive_while_it_ran(fleet, network):
    fleet.configure(lease="3s")
    (worker,) = await fleet.start()
    (job,) = await fleet.enqueue(1, "work.other", do="hold", text="healed")
    await until(lambda: fleet.ledger.starts()[job], "it runs")
    fleet.configure(EXCLUSIVE.format(1), lease="3s")
    worker.signal(signal.SIGHUP)
    await until(lambda: "jobs.toml was read again" in worker.said(), "the limit is in force")
    network.swallow()
    await until(lambda: fleet.ledger.lines("end", job), "it is given up")
    network.heal()
    fleet.ledger.open_gate("healed")

    assert 1 == (await fleet.ended())["completed"]


def _is_full(fleet, worker):
    """Whether a worker has begun all that it may, so that it asks for nothing, and enough that sleeps of each type."""
    starts = Counter(line.job.partition(":")[0] for line in fleet.ledger.lines("start") if line.pid == worker.pid)
    enough = min(starts["work.loop"], starts["work.other"]) >= 2 * IN_FLIGHT
    return enough and fleet.ledger.running_in(worker.pid) == MAX_JOBS


def _twice(runs):
    """Pair the two runs of each job that had two."""
    by_job = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
    return [tuple(each) for each in by_job.values() if len(each) > 1]
