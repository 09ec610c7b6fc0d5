"""The server's CPU over the whole life of no-op jobs, enqueue to settled, from its INFO before and after."""

from __future__ import annotations

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import Server, server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("redis_cpu.1", "server CPU a job, one type", "µs", "≤ 12"),
    Figure("redis_cpu.200", "server CPU a job, 200 types all busy", "µs", "≤ 16"),
)
ROUNDS = 3


async def measure(run: Run) -> dict[str, float]:
    """Measure one type, then 200, jobs of one type in calls of 100."""
    count = run.size(60_000, 4_000)
    with server() as one:
        return {f"redis_cpu.{types}": await _life_us(one, count, types) for types in (1, 200)}


async def _life_us(one: Server, count: int, types: int) -> float:
    async with deployed(one, types=types) as deployment:
        deployment.announce()
        before = one.cpu_s()
        await deployment.enqueue(count)
        await deployment.drain(count)
        return 1e6 * (one.cpu_s() - before) / count
