"""Row 07: an operator retries a job that kills its process; each retry costs one death, its own, and is told."""

from __future__ import annotations

import json

import pytest

from tests.faults.form import FULL
from tests.faults.under_load import IN_FLIGHT, RUNTIME, TIMEOUT_S, tell
from tests.fleet.workers import until

RETRIES = 5 if FULL else 2

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_pill_dies_alone_at_the_third_time_and_at_each_retry_and_blames_nobody(fleet, monkeypatch):
    monkeypatch.setenv("ACME_EVENTS", str(fleet.folder / "events"))
    fleet.configure(**RUNTIME)
    await fleet.start()
    neighbours = await hold(fleet, "calm")
    (pill,) = await fleet.enqueue(1, do="die", n=9)
    for n in (1, 2):
        await until(lambda n=n: fleet.ledger.starts()[pill] == n, f"death {n}")
        await fleet.workers[-1].exit_code()
        fleet.spawn()
    fleet.ledger.open_gate("calm")
    counts = await fleet.ended()

    await assert_dies(fleet, pill, 3)
    assert (IN_FLIGHT, 1) == (counts["completed"], counts["failed"])
    assert [2] * IN_FLIGHT == await crashes(fleet, neighbours), "else nobody but the pill was a suspect"

    neighbours = await hold(fleet, "company")
    retried_ms = []
    for deaths in range(4, 4 + RETRIES):
        await fleet.jobs.retry(pill)
        retried_ms.append((await assert_dies(fleet, pill, deaths)).retried_ms)
    fleet.ledger.open_gate("company")
    counts = await fleet.ended()

    workers = {line.parent for line in fleet.ledger.lines("dies")[-RETRIES:]}
    tell(f"{RETRIES} retries: {fleet.ledger.starts()[pill] - 3} deaths, none of a worker; told: {told(fleet, pill)}")
    assert sorted({*retried_ms}) == retried_ms, "each retry is kept until the next one"
    assert {fleet.workers[-1].pid} == workers, "each death was that of a child"
    assert fleet.workers[-1].process.poll() is None
    assert (2 * IN_FLIGHT, 1) == (counts["completed"], counts["failed"])
    assert [0] * IN_FLIGHT == await crashes(fleet, neighbours)


async def hold(fleet, gate):
    """Enqueue some healthy jobs and wait until they are in flight."""
    jobs = await fleet.enqueue(IN_FLIGHT, do="hold", text=gate)
    await until(lambda: all(fleet.ledger.starts()[job] for job in jobs), "the neighbours are in flight")
    return jobs


async def crashes(fleet, jobs):
    return [(await (await fleet.jobs.job(job)).info()).crashes for job in jobs]


async def assert_dies(fleet, pill, deaths):
    """Wait until it is a dead letter and observers were told so; assert that this was its death of that number."""
    failed = [f"poison: its process died {n} times while it ran" for n in range(3, deaths + 1)]
    await until(lambda: told(fleet, pill) == failed, f"observers were told of the death {deaths}")
    handle = await fleet.jobs.job(pill)
    info = await until(lambda: ended(handle), "it is a dead letter")
    assert ("failed", failed[-1], 0, deaths) == (info.state, info.reason, info.attempts, info.crashes)
    assert deaths == fleet.ledger.starts()[pill]
    assert bool(info.retried_by) == (deaths > 3), "who retried it is kept"
    return info


async def ended(handle):
    info = await handle.info()
    return info if info.finished_ms else None


def told(fleet, job):
    """Return the reasons with which the job failed, as the workers told them to an observer."""
    events_file = fleet.folder / "events"
    events_file.touch()  # nobody may have been told of anything yet
    events = [json.loads(line) for line in events_file.read_text().splitlines()]
    return [reason for event_of, outcome, reason in events if (event_of, outcome) == (job, "failed")]
