"""Which measurements there are, in the order of the table, and one round of one of them."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import cast

from bench.figure import Figure, Measurement, Run

__all__ = ["NAMES", "all_figures", "find", "measure"]

NAMES = (
    "drain", "enqueue", "latency", "handover", "redis_cpu", "memory", "claim_depth", "processes", "many_types",
    "whole_policy", "idle", "worker_memory", "startup", "metrics", "children", "embedding", "calls",
)  # fmt: skip


def find(name: str) -> Measurement:
    """Return the module that measures *name*."""
    return cast("Measurement", import_module(f"bench.figures.{name}"))


def all_figures() -> list[Figure]:
    """Return every figure there is."""
    return [figure for name in NAMES for figure in find(name).FIGURES]


def measure(name: str, run: Run) -> dict[str, float]:
    """Measure *name* once, here."""
    return asyncio.run(find(name).measure(run))  # type: ignore[arg-type] # a module's function is a coroutine function
