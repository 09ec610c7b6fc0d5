"""Four worker processes share a type with ``concurrency = 1``: from the end of one handler to the next one's start."""

from __future__ import annotations

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.percentile import percentile
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("handover.p50", "hand-over at concurrency = 1 over 4 workers, p50", "ms", "≤ 1"),
    Figure("handover.p99", "hand-over at concurrency = 1 over 4 workers, p99", "ms", "≤ 3"),
)
ROUNDS = 3
_WORKERS = 4
_ALONE = "bench.alone"


async def measure(run: Run) -> dict[str, float]:
    """Let them start together, and read the handlers' own log."""
    count = run.size(2_000, 200)
    with server() as one:
        async with deployed(one) as deployment:
            deployment.announce()
            await deployment.jobs.pause(_ALONE)
            await deployment.enqueue(count, _ALONE)
            for _ in range(_WORKERS):
                deployment.start()
            await deployment.joined(_WORKERS)
            await deployment.jobs.resume(_ALONE)
            await deployment.settled(count, _ALONE)
            starts, ends = (sorted(at for at, _ in deployment.ledger(what)) for what in ("start", "end"))
    if any(next_start < end for end, next_start in zip(ends, starts[1:], strict=False)):
        raise SystemExit("two ran at once")
    gaps_ms = [1e-6 * (next_start - end) for end, next_start in zip(ends, starts[1:], strict=False)]
    return {"handover.p50": percentile(gaps_ms, 50), "handover.p99": percentile(gaps_ms, 99)}
