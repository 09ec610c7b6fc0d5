"""One worker process drains the same number of jobs of one type, of 50 and of 200, and of one type beside 199 idle."""

from __future__ import annotations

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("many_types.1", "drain, one type, 60,000 jobs", "jobs/s"),
    Figure("many_types.50", "50 types all busy against one", goal="≥ 0.85"),
    Figure("many_types.200", "200 types all busy against one", goal="≥ 0.8"),
    Figure("many_types.1_of_200", "200 types of which one is busy against one", goal="≥ 0.95"),
)
ROUNDS = 3


async def measure(run: Run) -> dict[str, float]:
    """Drain four times, each on a server of its own: one that has drained before is a tenth slower."""
    count = run.size(60_000, 4_000)
    rates = [await _rate(count, *each) for each in ((1, 1), (50, 50), (200, 200), (200, 1))]
    ratios = [rate / rates[0] for rate in rates[1:]]
    return {
        "many_types.1": rates[0],
        "many_types.50": ratios[0],
        "many_types.200": ratios[1],
        "many_types.1_of_200": ratios[2],
    }


async def _rate(count: int, types: int, busy: int) -> float:
    with server() as one:
        async with deployed(one, types=types) as deployment:
            deployment.announce()
            await deployment.enqueue(count, *deployment.types[:busy])
            return await deployment.drain(count)
