"""
One worker process runs no-op jobs that wait already, from the first call until the store shows the last one completed.

With everything on that a deployment has: leases, fences, histograms, results, arq's bridge. Then the same on a server
with an append-only file written each second.
"""

from __future__ import annotations

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("drain", "drain, one process, 20,000 jobs", "jobs/s"),
    Figure("drain.aof", "the same with appendonly yes", "jobs/s"),
    Figure("drain.aof_ratio", "with the append-only file against without", goal="≥ 0.8"),
)
ROUNDS = 3


async def measure(run: Run) -> dict[str, float]:
    """Drain without and with the append-only file."""
    plain, durable = [await _drain(run.size(20_000, 2_000), aof=aof) for aof in (False, True)]
    return {"drain": plain, "drain.aof": durable, "drain.aof_ratio": durable / plain}


async def _drain(count: int, *, aof: bool) -> float:
    with server(aof=aof) as one:
        async with deployed(one) as deployment:
            deployment.announce()
            await deployment.enqueue(count)
            return await deployment.drain(count)
