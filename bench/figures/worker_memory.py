"""
Resident memory of a worker: idle without plugins, beside arq's own idle worker; then at full speed for some minutes.

Growth is the last minute against the second one: the first fills pools and caches.
"""

from __future__ import annotations

import asyncio
import sys
import time
from statistics import mean

from bench.deployment import Deployment, deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("worker_memory.idle", "idle worker without plugins", "MiB"),
    Figure("worker_memory.arq", "arq's idle worker", "MiB"),
    Figure("worker_memory.ratio", "idle worker against arq's", goal="≤ 2"),
    Figure("worker_memory.loaded", "worker after minutes at full speed", "MiB"),
    Figure("worker_memory.growth", "its last minute against its second", goal="≤ 1.02"),
)
ROUNDS = 1
_MIB = 1024 * 1024
_BACKLOG = 10_000
_LOOK_S = 0.2
_ARQ = """
from arq.connections import RedisSettings

async def nothing(ctx): ...

class WorkerSettings:
    functions = [nothing]
    redis_settings = RedisSettings.from_dsn({url!r})
"""


async def measure(run: Run) -> dict[str, float]:
    """Watch all three."""
    idle_mib, arq_mib = await _idle_mib(run.size(10, 2))
    second_mib, last_mib = await _loaded_mib(60 * run.minutes)
    return {
        "worker_memory.idle": idle_mib,
        "worker_memory.arq": arq_mib,
        "worker_memory.ratio": idle_mib / arq_mib,
        "worker_memory.loaded": last_mib,
        "worker_memory.growth": last_mib / second_mib,
    }


async def _idle_mib(rest_s: float) -> tuple[float, float]:
    with server() as one:
        async with deployed(one) as deployment:
            deployment.configure(plugins=())
            (deployment.folder / "arq_idle.py").write_text(_ARQ.format(url=one.url))
            ours = deployment.start()
            arqs = deployment.run(sys.executable, "-m", "arq", "arq_idle.WorkerSettings")
            await deployment.joined(1)
            await asyncio.sleep(rest_s)
            return ours.rss_bytes() / _MIB, arqs.rss_bytes() / _MIB


async def _loaded_mib(duration_s: float) -> tuple[float, float]:
    """Keep a worker busy; return its mean memory in the second minute, or fifth of a shorter time, and in the last."""
    part_s = min(60.0, duration_s / 5)
    with server() as one:
        async with deployed(one) as deployment:
            worker = deployment.start()
            await deployment.joined(1)
            began = time.monotonic()
            seen: list[tuple[float, float]] = []
            while (at := time.monotonic() - began) < duration_s:
                await _fill_up(deployment)
                seen.append((at, worker.rss_bytes() / _MIB))
                worker.check()
            if (await deployment.jobs.counts())["completed"] < _BACKLOG:
                raise SystemExit("the worker was not busy")
    second = [mib for at, mib in seen if part_s <= at < 2 * part_s]
    last = [mib for at, mib in seen if at >= duration_s - part_s]
    return mean(second), mean(last)


async def _fill_up(deployment: Deployment) -> None:
    """Enqueue when little is left: the worker never waits."""
    (name,) = deployment.types
    if int(deployment.server.redis.zcard(deployment.jobs.store.keys.queue(name))) < _BACKLOG:  # type: ignore[arg-type] # the stub allows an awaitable
        await deployment.enqueue(_BACKLOG, at_once=500)
    else:
        await asyncio.sleep(_LOOK_S)
