"""Row 02: kill -9 of a worker of a short and a very long type; the jobs of both are back at the same time, and soon."""

from __future__ import annotations

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import RUNTIME, TIMEOUT_S, tell
from tests.fleet.killer import kill_one
from tests.fleet.workers import until

OF_EACH = load(50)
TYPES = {"work.loop": "5m", "work.other": "6h"}
"""Type → how long a job of it may run; both far beyond the time in which jobs are back, and any wait of this test."""
TABLES = "".join(f'[jobs."{name}"]\ntimeout = "{timeout}"\n' for name, timeout in TYPES.items())
BACK_WITHIN_S = 20
APART_S = 1 if FULL else 10

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.mark.parametrize("successor", ["another that is alive", "a fresh one"])
async def test_jobs_of_a_killed_worker_run_again_soon_however_long_their_type_may_run(fleet, successor):
    fleet.configure(TABLES, **{**RUNTIME, "max_jobs": 100})
    await fleet.start()
    for name in TYPES:
        await fleet.enqueue(OF_EACH, name, do="hold", text="killed")
    await until(lambda: len(fleet.ledger.starts()) == 2 * OF_EACH, "all jobs are in flight")
    if successor == "another that is alive":
        await fleet.start()
    kill = await kill_one(fleet, at_least=2 * OF_EACH)
    if successor == "a fresh one":
        fleet.spawn()
    await until(lambda: len(fleet.ledger.lines("start")) == 4 * OF_EACH, "all jobs run again")
    fleet.ledger.open_gate("killed")
    counts = await fleet.ended()

    assert [2] * 2 * OF_EACH == list(fleet.ledger.starts().values())
    back_s = [(max(run.start for run in fleet.ledger.runs(name)) - kill.ns) / 1e9 for name in TYPES]
    tell(f"{successor}: the last of the short type after {back_s[0]:.2f} s, of the long type after {back_s[1]:.2f} s")
    assert max(back_s) < BACK_WITHIN_S
    assert abs(back_s[0] - back_s[1]) < APART_S
    expected = {"completed": 2 * OF_EACH, "crashed": 2 * OF_EACH, "retried": 0, "failed": 0}
    assert expected == {name: counts[name] for name in expected}
