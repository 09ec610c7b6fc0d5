"""
One worker process drains jobs of one type with nothing declared, then with every limit, then with keys and groups too.

No limit is ever reached: what is measured is what it costs that they are looked at, and the notes of keys and groups.
"""

from __future__ import annotations

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("whole_policy.plain", "drain, one type with nothing declared, 60,000 jobs", "jobs/s"),
    Figure("whole_policy.limits", "with every limit and every key of policy declared, against nothing", goal="≥ 0.9"),
    Figure("whole_policy.group", "with a group for each of 100 values besides"),
    Figure("whole_policy.unique", "with a key for each job, against nothing"),
)
ROUNDS = 3
_LIMITS = """
concurrency = 1000000
per_worker = 10000
rate_limit = "100000/s"
priority = "high"
uses = ["everything:1"]
expires = "1d"
max_waiting = 1000000000
retry_on = ["OSError"]
fail_on = ["KeyError"]
"""
_TABLES = {
    "plain": "",
    "limits": _LIMITS,
    "group": _LIMITS + 'group = { by = "n", concurrency = 1000000 }\n',
    "unique": 'unique = { by = ["n"] }\n',
}


async def measure(run: Run) -> dict[str, float]:
    """Drain once with each, on a server of its own."""
    count = run.size(60_000, 4_000)
    rates = {name: await _rate(count, table) for name, table in _TABLES.items()}
    plain = rates.pop("plain")
    return {"whole_policy.plain": plain} | {f"whole_policy.{name}": rate / plain for name, rate in rates.items()}


async def _rate(count: int, table: str) -> float:
    with server() as one:
        async with deployed(one) as deployment:
            name = deployment.types[0]
            deployment.configure(more=f'[jobs."{name}"]\n{table}\n[resources]\neverything = 1000000\n')
            deployment.announce()
            await deployment.enqueue(count, numbered="unique" in table)
            return await deployment.drain(count)
