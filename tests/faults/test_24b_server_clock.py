"""Row 24b: the server's clock is set back by an hour, then ahead by two; leases, rates and schedules go on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from jobframe.core.clock import wall_ms
from tests.faults.form import load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, now_ns, tell
from tests.fleet.fixtures import fleet_at
from tests.fleet.workers import until

JOBS = load(300)
HOUR_S = 3_600
EVERY_S = 2
TABLES = f"""
[jobs."work.thread"]
rate_limit = "20/s"
[schedules.often]
job = "work.other"
every = "{EVERY_S}s"
overlap = "allow"
"""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.fixture
def clock(tmp_path):
    """The file that sets a server's clock, and what is put before the server so that it reads the file."""
    compiler = shutil.which("cc")
    if compiler is None:
        assert os.environ.get("CI") != "true", "no C compiler is on PATH"
        pytest.skip("no C compiler is on PATH (Debian: apt install gcc libc6-dev)")
    library, offset = tmp_path / "clock.so", tmp_path / "offset"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    offset.write_text("0")
    return offset, {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}


async def test_jobs_of_a_dead_worker_come_back_and_no_rate_or_schedule_stalls(
    clock, make_server, namespace, tmp_path, monkeypatch
):
    offset, preloaded = clock
    with monkeypatch.context() as environment:
        for name, value in preloaded.items():
            environment.setenv(name, value)
        server = make_server({"appendonly": "yes"})
    async with fleet_at(server.url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure(TABLES, durability="aof", **RUNTIME)
        await fleet.start(2)
        for ahead_s in (-HOUR_S, HOUR_S):
            back_s = await _set_and_kill(fleet, offset, ahead_s)
            tell(f"{ahead_s:+} s: all jobs of the killed worker ran again after {back_s:.2f} s")
        counts = {name: await fleet.jobs.counts(name) for name in ("work.loop", "work.thread")}

    expected = {"work.loop": 2 * (JOBS + 2 * IN_FLIGHT), "work.thread": 2 * JOBS}
    assert expected == {name: counts[name]["completed"] for name in counts}
    assert not any(count["retried"] + count["failed"] for count in counts.values())


async def _set_and_kill(fleet, offset, ahead_s):
    """Set the clock, kill the worker that has most in hand, and wait for all; returns when the last started again."""
    gate = f"gate{ahead_s}"
    held = await fleet.enqueue(2 * IN_FLIGHT, do="hold", text=gate)
    await until(lambda: len(_holders(fleet, held)) == len(held), "they are held", PATIENCE_S)
    offset.write_text(str(ahead_s))
    await until(lambda: _ahead_by(fleet, ahead_s), "the server's clock is set", PATIENCE_S)
    set_ns = now_ns()
    pid, count = Counter(_holders(fleet, held).values()).most_common(1)[0]
    assert count >= IN_FLIGHT
    fleet.kill(next(worker for worker in fleet.workers if worker.pid == pid))
    killed_ns = now_ns()
    fleet.spawn()
    await fleet.enqueue(JOBS, do="sleep", n=50)
    await fleet.enqueue(JOBS, "work.thread")
    again = await until(lambda: _again(fleet, held, killed_ns, count), "they start again", PATIENCE_S)
    fleet.ledger.open_gate(gate)
    await until(lambda: _fired(fleet, set_ns), "the schedule fires", PATIENCE_S)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    slots = (now_ns() - set_ns) / 1e9 / EVERY_S
    assert len(_fired(fleet, set_ns)) <= slots + 2, "one for each slot, and one more at most"
    return (max(again) - killed_ns) / 1e9


async def _ahead_by(fleet, ahead_s):
    """Whether the server has the time that it shall have; it may answer once more with what it read before."""
    seconds, _ = await fleet.jobs.store.redis.time()
    return abs(seconds - wall_ms() / 1000 - ahead_s) < HOUR_S / 2


def _holders(fleet, held):
    """Return which process runs each of the jobs."""
    return {line.job: line.pid for line in fleet.ledger.lines("start") if line.job in held}


def _again(fleet, held, since_ns, count):
    """Return when those that were killed started again, once all have."""
    starts = [line.ns for line in fleet.ledger.lines("start") if line.job in held and line.ns > since_ns]
    return starts if len(starts) >= count else None


def _fired(fleet, since_ns):
    return {line.job for line in fleet.ledger.lines("start", "work.other") if line.ns > since_ns}
