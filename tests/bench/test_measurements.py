"""Every measurement runs; what the figures are is not for a test to say."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from bench import measurements

ROOT = Path(__file__).parents[2]
WITHOUT_PY_SPY = {"embedding.rate"}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", measurements.NAMES)
def test_a_measurement_gives_a_value_for_each_of_its_figures(name):
    command = [sys.executable, "-m", "bench", name, "--here", "--quick", "--minutes", "0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)

    assert 0 == done.returncode, done.stderr
    values = json.loads(done.stdout)
    assert set(values) in ({figure.key for figure in measurements.find(name).FIGURES}, WITHOUT_PY_SPY)
    assert all(math.isfinite(value) for value in values.values())


def test_every_module_of_figures_is_one_of_the_measurements():
    modules = {path.stem for path in (ROOT / "bench" / "figures").glob("*.py")} - {"__init__"}

    assert modules == set(measurements.NAMES)


def test_no_two_figures_have_the_same_key():
    keys = [figure.key for figure in measurements.all_figures()]

    assert sorted(set(keys)) == sorted(keys)


def test_an_unknown_name_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "speed"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert 2 == done.returncode
    assert "no such measurement: speed" in done.stderr
