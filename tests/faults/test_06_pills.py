"""Row 06: jobs that kill their process, each in its own way, among healthy ones; they die alone, and soon for good."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.workers import until

WORKERS, MAX_JOBS, MOST_DEATHS = 2, 10, 3
HEALTHY = load(200)
HELD = MAX_JOBS + IN_FLIGHT
"""One worker is full of them, and the other one, which has room for pills, has enough."""
PILLS: dict[str, dict[str, object]] = {
    "os._exit": {"n": 9},
    "SIGSEGV": {"text": "SIGSEGV"},
    "SIGKILL": {"text": "SIGKILL"},
}
MIXES = {"one of each": [*PILLS]} | ({name: [name] * len(PILLS) for name in PILLS} if FULL else {})
"""The first in the queue is likely to die first, and the others as its neighbours."""
EXIT_CODES = {9, -signal.SIGSEGV, -signal.SIGKILL}

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
async def test_pills_die_alone_at_the_third_time_and_harm_no_healthy_job(fleet, mix):
    fleet.configure(**{**RUNTIME, "max_jobs": MAX_JOBS})
    await fleet.start(WORKERS)
    healthy = await fleet.enqueue(HELD, do="hold", text="calm")
    await until(lambda: len(fleet.ledger.starts()) == HELD, "some of the healthy are in flight")
    pills = [pill for name in mix for pill in await fleet.enqueue(1, do="die", **PILLS[name])]
    healthy += await fleet.enqueue(HEALTHY - HELD, do="sleep", n=50)
    await until(lambda: keep_up(fleet) and all_suspected(fleet, pills), "the pills are suspects", PATIENCE_S)
    fleet.ledger.open_gate("calm")
    await until(lambda: keep_up(fleet) and nothing_left(fleet), "every job has ended", PATIENCE_S)

    died = Counter(line.job for line in fleet.ledger.lines("dies"))
    deaths = [died[pill] for pill in pills]
    crashes = [info.crashes for info in await infos(fleet, healthy)]
    lost_workers = len(fleet.workers) - WORKERS
    tell(f"{mix} died {deaths} times, and {lost_workers} workers with {sum(crashes)} runs of the {HEALTHY} healthy")
    assert {"completed"} == {info.state for info in await infos(fleet, healthy)}
    assert 1 <= min(deaths) <= max(deaths) <= MOST_DEATHS
    for info in await infos(fleet, pills):
        assert ("failed", 0) == (info.state, info.attempts)
        assert f"poison: its process died {info.crashes} times while it ran" == info.reason
    assert sum(crashes) >= 2 * IN_FLIGHT, "they died in company"
    assert max(crashes) >= 2, "else nobody but the pills was a suspect"
    assert 2 <= lost_workers <= (MOST_DEATHS - 1) * len(pills), "the last death of each is its own alone"
    assert {worker.process.poll() for worker in fleet.workers} <= {None, *EXIT_CODES}, "nothing else ended a worker"
    assert WORKERS == len(living(fleet))


def living(fleet):
    return [worker for worker in fleet.workers if worker.process.poll() is None]


def keep_up(fleet):
    """Start a worker for each one that died, as a supervisor does."""
    for _ in range(WORKERS - len(living(fleet))):
        fleet.spawn()
    return True


async def infos(fleet, jobs):
    return [await (await fleet.jobs.job(job)).info() for job in jobs]


async def all_suspected(fleet, pills):
    return all(info.crashes >= MOST_DEATHS - 1 for info in await infos(fleet, pills))
