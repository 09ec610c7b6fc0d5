"""CPU-bound jobs with ``run_in = "process"`` on one child and on two, from the handlers' own log, children warm."""

from __future__ import annotations

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import Server, server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("children.1", "CPU-bound jobs, one child", "jobs/s"),
    Figure("children.ratio", "two children against one", goal="≥ 1.7"),
)
ROUNDS = 3
_BURN = "bench.burn"
_WARM_UP = 8
_THOUSANDS = 1_000
"""Additions of one job: some 30 ms."""


async def measure(run: Run) -> dict[str, float]:
    """Burn with one child, then with two."""
    count = run.size(200, 12)
    with server() as one:
        single, double = [await _rate(one, count, children) for children in (1, 2)]
    return {"children.1": single, "children.ratio": double / single}


async def _rate(one: Server, count: int, children: int) -> float:
    async with deployed(one) as deployment:
        deployment.configure(children=children)
        deployment.start()
        await deployment.joined(1)
        await deployment.jobs.enqueue_many([(_BURN, {"n": _THOUSANDS // 10})] * _WARM_UP)
        await deployment.settled(_WARM_UP, _BURN)
        await deployment.jobs.enqueue_many([(_BURN, {"n": _THOUSANDS})] * count)
        await deployment.settled(_WARM_UP + count, _BURN)
        starts, ends = ([at for at, size in deployment.ledger(what) if size == _THOUSANDS] for what in ("start", "end"))
        return 1e9 * count / (max(ends) - min(starts))
