"""Row 12: jobs wait for two days and are retried over thirty hours; none expires unless its type says so."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jobframe.core.job import NewJob, State
from tests.faults.form import load
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.fixtures import fleet_at
from tests.fleet.workers import until

JOBS = load(500)
EXPIRING = JOBS // 10
HOUR_S = 3_600
WAIT_H, LOOK_EVERY_H = 48, 12
RETRIES, BACKOFF_H = 5, 6
DELAYED, PAUSED, DAILY = "work.loop", "work.other", "work.empty"
TABLES = f"""
[defaults]
max_retries = {RETRIES}
backoff = {{ strategy = "fixed", base = "{BACKOFF_H}h", cap = "{BACKOFF_H}h", jitter = "none" }}
"""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_jobs_that_wait_for_days_run_and_those_that_fail_for_a_day_use_each_retry_once(
    make_clock, make_server, namespace, tmp_path, monkeypatch
):
    clock = make_clock("everywhere")
    with clock.read():
        server = make_server({"appendonly": "yes"})
        async with fleet_at(server.url, namespace, tmp_path, monkeypatch) as fleet:
            fleet.configure(TABLES, durability="aof", **RUNTIME)
            await fleet.start(2)
            days = Days(fleet, clock)
            delayed, paused, expiring = await _enqueue(fleet)
            while days.hours < WAIT_H:
                assert {DAILY} >= {job.partition(":")[0] for job in fleet.ledger.starts()}
                assert (JOBS, JOBS + EXPIRING) == await _still_there(fleet)
                await days.go_on(LOOK_EVERY_H)
            await fleet.jobs.resume(PAUSED)
            for attempt in range(1, RETRIES + 1):
                await until(lambda n=attempt: _have_started(fleet, delayed, n), f"attempt {attempt}", PATIENCE_S)
                await until(lambda n=attempt: _have_failed(fleet, n), f"attempt {attempt} has failed", PATIENCE_S)
                await days.go_on(BACKOFF_H)
            await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
            counts = {name: await fleet.jobs.counts(name) for name in (DELAYED, PAUSED)}
            done = await fleet.jobs.jobs(DELAYED, State.COMPLETED, limit=JOBS)
            dead = await fleet.jobs.jobs(PAUSED, State.FAILED, limit=JOBS)

    attempts = {job: tuple(run.attempt for run in fleet.ledger.runs(job)) for job in delayed}
    tell(f"{days.hours} hours in {days.steps} steps: {len(delayed)} jobs started {RETRIES + 1} times each")
    assert {tuple(range(1, RETRIES + 2))} == set(attempts.values())
    assert {(BACKOFF_H,) * (RETRIES - 1)} == {_hours_between(info) for info in done.jobs}, "by the workers' clock"
    assert dict.fromkeys(paused, 1) == fleet.ledger.starts(PAUSED)
    assert JOBS == len(done.jobs)
    assert (JOBS, RETRIES * JOBS, 0) == tuple(counts[DELAYED][name] for name in ("completed", "retried", "failed"))
    assert (JOBS, 0, EXPIRING) == tuple(counts[PAUSED][name] for name in ("completed", "retried", "failed"))
    assert dict.fromkeys(expiring, "expired") == {info.id: info.reason for info in dead.jobs}
    assert not any(count["crashed"] + count["interrupted"] for count in counts.values())


class Days:
    """
    The time that passes for a server and its workers, in steps.

    Attributes:
        hours: How many have passed.
        steps: In how many steps.

    """

    def __init__(self, fleet, clock):
        self.fleet = fleet
        self.hours = self.steps = 0
        self._clock = clock

    async def go_on(self, hours):
        """Let hours pass, and wait until house was kept since; a job of today has workers look for what is due."""
        self.hours, self.steps = self.hours + hours, self.steps + 1
        await self._clock.set_server(self.fleet.jobs.store.redis, HOUR_S * self.hours)
        await self.fleet.enqueue(1, DAILY)
        since_ms = await self._server_ms()
        await until(lambda: self._house_was_kept(since_ms), "house is kept", PATIENCE_S)

    async def _server_ms(self):
        seconds, _ = await self.fleet.jobs.store.redis.time()
        return 1_000 * seconds

    async def _house_was_kept(self, since_ms):
        store = self.fleet.jobs.store
        return int(await store.redis.hget(store.keys.control, "swept") or 0) >= since_ms


async def _enqueue(fleet):
    """Enqueue jobs that are due in two days and then fail, and others whose type is paused until then."""
    await fleet.jobs.pause(PAUSED)
    failing = NewJob(DELAYED, {"do": "flaky", "n": RETRIES}, delay=f"{WAIT_H}h")
    declared = NewJob(PAUSED, expires=f"{WAIT_H - 1}h")
    handles = await fleet.jobs.enqueue_many([failing] * JOBS + [NewJob(PAUSED)] * JOBS + [declared] * EXPIRING)
    ids = [handle.id for handle in handles]
    return ids[:JOBS], ids[JOBS : 2 * JOBS], ids[2 * JOBS :]


async def _still_there(fleet):
    delayed, paused = [await fleet.jobs.counts(name) for name in (DELAYED, PAUSED)]
    return delayed["delayed"], paused["waiting"]


def _have_started(fleet, jobs, times):
    starts = fleet.ledger.starts(DELAYED)
    return all(starts[job] == times for job in jobs)


async def _have_failed(fleet, times):
    return (await fleet.jobs.counts(DELAYED))["retried"] == times * JOBS


def _hours_between(info):
    """Tell how far apart the attempts of a job failed."""
    return tuple(round((later.at_ms - earlier.at_ms) / 1_000 / HOUR_S) for earlier, later in pairwise(info.errors))
