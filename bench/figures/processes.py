"""The same jobs run by 16 worker processes and by one: all have joined before their type is resumed."""

from __future__ import annotations

import time

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("processes.1", "one process, gate opened at once", "jobs/s"),
    Figure("processes.many", "16 processes, the same work", "jobs/s"),
    Figure("processes.ratio", "16 processes against one", goal="≥ 0.9"),
)
ROUNDS = 3


async def measure(run: Run) -> dict[str, float]:
    """Run them with one process, then with many."""
    count = run.size(60_000, 3_000)
    one, many = [await _rate(count, processes) for processes in (1, run.size(16, 3))]
    return {"processes.1": one, "processes.many": many, "processes.ratio": many / one}


async def _rate(count: int, processes: int) -> float:
    with server() as one:
        async with deployed(one) as deployment:
            deployment.announce()
            (name,) = deployment.types
            await deployment.jobs.pause(name)
            await deployment.enqueue(count)
            deployment.start("--processes", str(processes))
            await deployment.joined(processes)
            began = time.monotonic()
            await deployment.jobs.resume(name)
            return count / (await deployment.settled(count) - began)
