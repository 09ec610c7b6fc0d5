"""One producer enqueues without a worker: in calls of 500 jobs, then one job a call from 50 tasks at once."""

from __future__ import annotations

import asyncio
import time

from bench.deployment import Deployment, deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("enqueue.bulk", "enqueue_many, 500 jobs a call", "jobs/s"),
    Figure("enqueue.concurrent", "50 tasks, each awaiting one enqueue after another", "jobs/s"),
)
ROUNDS = 3
_TASKS = 50


async def measure(run: Run) -> dict[str, float]:
    """Enqueue in bulk and one by one."""
    with server() as one:
        async with deployed(one) as deployment:
            deployment.announce()
            bulk, single = run.size(100_000, 2_000), run.size(20_000, 1_000)
            began = time.monotonic()
            await deployment.enqueue(bulk, at_once=500)
            between = time.monotonic()
            await asyncio.gather(*(_enqueue_singly(deployment, single // _TASKS) for _ in range(_TASKS)))
            ended = time.monotonic()
    return {"enqueue.bulk": bulk / (between - began), "enqueue.concurrent": single / (ended - between)}


async def _enqueue_singly(deployment: Deployment, count: int) -> None:
    for number in range(count):
        await deployment.jobs.enqueue(deployment.types[0], {"n": number})
