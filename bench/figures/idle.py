"""
A fleet of 100 idle workers: commands that reach the server, and CPU on both sides, while nothing happens.

The workers are whole runtimes, 25 in each of four processes: an interpreter each would cost memory, not work.
"""

from __future__ import annotations

import asyncio
import sys
import time

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("idle.commands", "idle fleet of 100, commands a worker and second", "1/s", "≤ 1"),
    Figure("idle.cpu", "idle fleet of 100, CPU a worker", "%", "≤ 0.2"),
    Figure("idle.server_us", "idle fleet of 100, server CPU a worker and second", "µs"),
)
ROUNDS = 1
_PROCESSES = 4


async def measure(run: Run) -> dict[str, float]:
    """Let them come to rest, then watch them."""
    each, rest_s, watch_s = run.size(25, 2), run.size(15, 1), run.size(60, 3)
    fleet = _PROCESSES * each
    with server() as one:
        async with deployed(one) as deployment:
            deployment.announce()
            command = (sys.executable, "-m", "bench.idle_workers", str(each))
            processes = [deployment.run(*command, answers=True) for _ in range(_PROCESSES)]
            await deployment.joined(fleet)
            await asyncio.sleep(rest_s)

            def used() -> tuple[float, int, float, float]:
                cpu_s = sum(float(process.ask("cpu")) for process in processes)
                return cpu_s, one.commands(), one.cpu_s(), time.monotonic()

            before = used()
            await asyncio.sleep(watch_s)
            cpu_s, commands, server_s, took_s = (after - early for after, early in zip(used(), before, strict=True))
    per_worker = fleet * took_s
    return {
        "idle.commands": commands / per_worker,
        "idle.cpu": 100 * cpu_s / per_worker,
        "idle.server_us": 1e6 * server_s / per_worker,
    }
