"""
Where one server saturates: the costs that were measured, put into a simulated fleet.

``python -m bench.scaling --workers 50 --rate 20000`` answers for one case; ``python -m bench --write`` puts the whole
table into docs/scaling.md. The model takes every call by itself; the claim that rides along with a settle makes the
truth a little better.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.simulation import Answer, Costs, Load, simulate

__all__ = ["costs_of", "highest_rate", "table"]

_RESULTS = Path(__file__).with_name("results.json")
_VERBS = ("enqueue", "claim", "settle")
_FLEETS = (1, 2, 4, 16, 64, 256, 1024)
_BATCHES = (100, 1)
_STEPS = 9


def costs_of(results: Mapping[str, Any]) -> Costs:
    """Take the costs out of *results*."""
    middle = {key: median(values) for key, values in results["values"].items()}
    return Costs(
        call={verb: middle[f"calls.{verb}.call"] for verb in _VERBS},
        job={verb: middle[f"calls.{verb}.job"] for verb in _VERBS},
        wake=middle["calls.wake"],
        idle=middle["idle.server_us"],
        worker=1e6 / middle["drain"],
    )


def highest_rate(costs: Costs, workers: int, batch: int) -> float:
    """Find the highest rate, in jobs per second, that a fleet of *workers* keeps up with."""
    low, high = 0.0, 1.2e6 / max(sum(costs.job.values()), costs.worker / workers)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if simulate(costs, Load(workers, middle, batch)).keeps_up:
            low = middle
        else:
            high = middle
    return low


def table(results: Mapping[str, Any]) -> str:
    """Write what one server carries, by the size of the fleet and the way of the producers."""
    costs = costs_of(results)
    memory, life_us, busy_life_us = (
        median(results["values"][key]) for key in ("memory", "redis_cpu.1", "redis_cpu.200")
    )
    head = " | ".join(
        f"producers send {batch} a call: jobs/s | bound by | at half of it p50, p99" for batch in _BATCHES
    )
    rows = [
        f"| {workers:,} | {' | '.join(_cell(costs, workers, batch) for batch in _BATCHES)} |" for workers in _FLEETS
    ]
    return "\n".join(
        (
            f"From the costs measured on {results['date']}: {results['machine']}.",
            "",
            "| one server's core | |",
            "| --- | ---: |",
            f"| jobs per second, whole life, one type | {1e6 / life_us:,.0f} |",
            f"| jobs per second, whole life, 200 types all busy | {1e6 / busy_life_us:,.0f} |",
            f"| memory a million waiting jobs, 64-byte payload | {memory:,.0f} MB |",
            f"| core taken by 100 idle workers | {100 * 100 * costs.idle / 1e6:.1f} % |",
            "",
            f"| workers | {head} |",
            "| ---: |" + " ---: | --- | --- |" * len(_BATCHES),
            *rows,
        )
    )


def _cell(costs: Costs, workers: int, batch: int) -> str:
    rate = highest_rate(costs, workers, batch)
    full, half = (simulate(costs, Load(workers, share * rate, batch)) for share in (1.0, 0.5))
    return f"{rate:,.0f} | {_bound(full)} | {half.p50_ms:.1f}, {half.p99_ms:.1f} ms"


def _bound(answer: Answer) -> str:
    return "server" if answer.server_busy > 0.9 else "workers"


def main() -> None:
    """Answer for one case."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description="Ask the model about one fleet.")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="measured by python -m bench --write")
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="jobs per second")
    parser.add_argument("--batch", type=int, default=1, help="jobs a producer sends in one call (default 1)")
    parser.add_argument("--job-ms", type=float, default=0.0, help="how long a handler waits (default 0)")
    asked = parser.parse_args()
    costs = costs_of(json.loads(asked.results.read_text()))
    answer = simulate(costs, Load(asked.workers, asked.rate, asked.batch, 1e3 * asked.job_ms))
    verdict = "keeps up" if answer.keeps_up else "does not keep up"
    print(f"{verdict}; server {100 * answer.server_busy:.0f} % busy")
    print(f"from enqueue to the handler's start: p50 {answer.p50_ms:.2f} ms, p99 {answer.p99_ms:.2f} ms")


if __name__ == "__main__":
    main()
