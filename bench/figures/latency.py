"""One idle worker gets a job every 20 ms: from just before ``enqueue`` to the handler's first line."""

from __future__ import annotations

import asyncio
import time

from bench.deployment import deployed, until
from bench.figure import Figure, Run
from bench.percentile import percentile
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("latency.p50", "pick-up from idle, p50", "ms"),
    Figure("latency.p99", "pick-up from idle, p99", "ms"),
)
ROUNDS = 3
_WARM_UP = 20
_EVERY_S = 0.02


async def measure(run: Run) -> dict[str, float]:
    """Enqueue one by one; the first few warm up."""
    count = _WARM_UP + run.size(500, 30)
    with server() as one:
        async with deployed(one) as deployment:
            deployment.start()
            await deployment.joined(1)
            for _ in range(count):
                await deployment.jobs.enqueue("bench.late", {"sent": time.monotonic_ns()})
                await asyncio.sleep(_EVERY_S)
            await until(lambda: len(deployment.ledger("late")) == count, "every job ran", lambda: None)
            late_ms = [1e-6 * late for _, late in deployment.ledger("late")[_WARM_UP:]]
    return {"latency.p50": percentile(late_ms, 50), "latency.p99": percentile(late_ms, 99)}
