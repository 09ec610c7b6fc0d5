"""What is kept of a test that fails, by a test that does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.evidence import KEPT_IN

ROOT = Path(__file__).parents[2]
INNER = """
from tests.conftest import namespace, redis_url, server
from tests.fleet.fixtures import fleet
from tests.fleet.workers import until

async def test_something(fleet):
    fleet.configure(lease="3s")
    (worker,) = await fleet.start()
    await fleet.enqueue(1, do="hold", text="gate")
    await until(lambda: fleet.ledger.starts(), "it runs")
    fleet.kill(worker)
    print("dice", fleet.dice.random())
    assert OUTCOME
"""


@pytest.fixture
def inner(tmp_path):
    """Run a test that kills a worker in the middle of a job, and then passes or fails."""

    def run(outcome, **environment):
        (tmp_path / "test_inner.py").write_text(INNER.replace("OUTCOME", outcome))
        options = ["-q", "-rP", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, "-p", "tests.fleet.evidence"]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *options, tmp_path / "test_inner.py"],
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            text=True,
        ).stdout

    return run


def dice(said):
    return next(line for line in said.splitlines() if line.startswith("dice"))


def test_of_a_failed_test_the_whole_story_is_kept_and_its_dice_can_be_thrown_again(inner, tmp_path):
    said = inner("False", FAULTS_SEED="7")
    (kept,) = (tmp_path / KEPT_IN).iterdir()
    written = {path.name: path.read_text() for path in kept.iterdir()}

    assert "1 failed" in said
    assert f"kept in {kept}" in said
    assert "FAULTS_SEED=7" in said
    assert dice(said) == dice(inner("True", FAULTS_SEED="7"))
    assert {"ledger", "worker-0.log", "jobs.toml", "timeline.txt", "seed.txt", "store.txt"} == set(written)
    assert "7\n" == written["seed.txt"]
    assert "lease = '3s'" in written["jobs.toml"]
    assert "worker" in written["worker-0.log"]
    order = [written["timeline.txt"].index(part) for part in ("is started", "start ", "kill\n")]
    assert order == sorted(order)
    assert "tick" not in written["timeline.txt"]
    assert '"start"' in written["ledger"]
    assert ":held:" in written["store.txt"]
    assert ":payload:work.loop  hash of 1\n" in written["store.txt"]


def test_of_a_test_that_passes_nothing_is_kept(inner, tmp_path):
    said = inner("True")

    assert "1 passed" in said
    assert not (tmp_path / KEPT_IN).exists()
