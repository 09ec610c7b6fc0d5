"""A claim of 100 jobs where a million wait, and where a thousand wait: time in the script, 60 of each in turn."""

from __future__ import annotations

from statistics import median

from bench.figure import Figure, Run
from bench.hands import Hands
from bench.server import Server, server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("claim_depth.shallow", "claim of 100 with 1,000 waiting, time in the script", "µs"),
    Figure("claim_depth.ratio", "with 1,000,000 waiting against 1,000", goal="≤ 1.6"),
)
ROUNDS = 1
_SHALLOW = 1_000
_CLAIM = 100
_AT_ONCE = 10_000


async def measure(run: Run) -> dict[str, float]:
    """Claim from both in turn; what was claimed is completed and as much enqueued again."""
    deep_size, times = run.size(1_000_000, 20_000), run.size(60, 5)
    with server() as one:
        shallow, deep = Hands(one.url, "shallow"), Hands(one.url, "deep")
        try:
            for hands, size in ((shallow, _SHALLOW), (deep, deep_size)):
                await hands.join()
                for _ in range(0, size, _AT_ONCE):
                    await hands.enqueue(min(size, _AT_ONCE))
            pairs = [[await _claim_us(one, hands) for hands in (shallow, deep)] for _ in range(times)]
        finally:
            await shallow.aclose()
            await deep.aclose()
    shallow_us, deep_us = (median(column) for column in zip(*pairs, strict=True))
    return {"claim_depth.shallow": shallow_us, "claim_depth.ratio": deep_us / shallow_us}


async def _claim_us(one: Server, hands: Hands) -> float:
    before = one.script_us()
    jobs = await hands.claim(_CLAIM)
    took = one.script_us() - before
    await hands.complete(jobs)
    await hands.enqueue(_CLAIM)
    return took
