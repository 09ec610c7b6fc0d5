"""The server's memory a waiting job, from its INFO before and after enqueuing a million with a payload of 64 bytes."""

from __future__ import annotations

import json

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (Figure("memory", "server memory a waiting job, 64-byte payload", "bytes", "≤ 300"),)
ROUNDS = 1
_PAYLOAD = {"text": "x" * 53}
_AT_ONCE = 10_000


async def measure(run: Run) -> dict[str, float]:
    """Enqueue them, with no worker."""
    if len(json.dumps(_PAYLOAD, separators=(",", ":"))) != 64:
        raise SystemExit("the payload is not 64 bytes long")
    count = run.size(1_000_000, 20_000)
    with server() as one:
        async with deployed(one) as deployment:
            deployment.announce()
            before = one.memory_bytes()
            for _ in range(count // _AT_ONCE):
                await deployment.jobs.enqueue_many([(deployment.types[0], _PAYLOAD)] * _AT_ONCE)
            return {"memory": (one.memory_bytes() - before) / count}
