"""Fleets of workers with a plugin whose handlers keep a ledger; all but the smoke runs only in ``make check``."""

from pathlib import Path

import pytest

from tests.faults.clocks import clock_library, make_clock
from tests.fleet.fixtures import durable_fleet, fleet, network

__all__ = ["clock_library", "durable_fleet", "fleet", "make_clock", "network"]

SMOKE = ("test_signals.py", "test_smoke.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the rest as slow before slow ones are left out: each takes seconds that no faster machine would save."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name not in SMOKE:
            item.add_marker(pytest.mark.slow)
