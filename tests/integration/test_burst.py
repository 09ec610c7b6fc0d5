"""Burst mode: the worker ends by itself when nothing that it could start is left."""

from __future__ import annotations

import pytest

from jobframe.core.job import State


@pytest.fixture
async def announced(fleet):
    """The same fleet, once a worker has announced its types."""
    async with fleet.here():
        return fleet


async def test_a_burst_ends_when_nothing_is_left(announced):
    fleet = announced
    await fleet.enqueue(20, do="sleep", n=50)
    await fleet.enqueue(5, "work.thread", do="sleep", n=50)
    later = await fleet.jobs.enqueue("work.loop", delay="1h")
    worker = fleet.spawn("--burst")

    assert 0 == await worker.exit_code(), worker.said()
    counts = await fleet.jobs.counts()
    assert (25, 1, 0, 0) == tuple(counts[key] for key in ("completed", "delayed", "waiting", "active"))
    assert State.DELAYED == await later.status()


async def test_a_burst_with_nothing_to_do_ends_at_once(announced):
    worker = announced.spawn("--burst")

    assert 0 == await worker.exit_code(), worker.said()


@pytest.mark.parametrize("round_", range(5))
async def test_a_burst_runs_what_its_own_jobs_bring_about(announced, round_):
    fleet = announced
    fleet.configure('[jobs."work.loop"]\nbackoff = "none"\n[jobs."work.thread"]\nbackoff = "none"')
    retried = await fleet.enqueue(1, do="flaky", n=3)
    parent = await fleet.enqueue(1, "work.thread", do="follow")
    async with fleet.here(burst=True) as runtime:
        await runtime.run()

    counts = await fleet.jobs.counts()
    assert (3, 0, 0, 3) == tuple(counts[key] for key in ("completed", "waiting", "active", "retried"))
    assert (4, 1) == (fleet.ledger.starts()[retried[0]], fleet.ledger.starts()[parent[0]])


async def test_a_burst_waits_for_a_job_behind_its_types_limit(announced):
    fleet = announced
    fleet.configure('[jobs."work.loop"]\nconcurrency = 1')
    await fleet.enqueue(4, do="sleep", n=30)
    async with fleet.here(burst=True) as runtime:
        await runtime.run()

    assert 4 == (await fleet.jobs.counts())["completed"]
    assert 1 == fleet.ledger.most_at_once()
