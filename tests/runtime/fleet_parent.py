"""A process for the tests of the fleet: arq's host around a parent of two."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path

from jobframe.runtime.fleet import Fleet
from jobframe.runtime.worker import run, worker_settings

MEMBER = Path(__file__).with_name("fleet_member.py")


@asynccontextmanager
async def opened():
    yield Fleet([sys.executable, str(MEMBER), *sys.argv[1:]], 2)


if __name__ == "__main__":
    run(worker_settings(opened, "unix:///nowhere", "fleet", 20_000, burst=False))
