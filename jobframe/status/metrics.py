"""A snapshot as the JSON of ``/metrics``: counts over all types and per type, nothing about any one job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobframe.core.histogram import percentile
from jobframe.store.inspect import Snapshot, TypeStats, add_up

__all__ = ["metrics"]


def metrics(snapshot: Snapshot) -> dict[str, Any]:
    """Render *snapshot*; its histograms say which period the percentiles are over."""
    alive = sum(worker.alive for worker in snapshot.workers)
    return {
        "jobs": add_up(snapshot.types),
        "types": {stats.type: _of_type(stats) for stats in snapshot.types},
        "workers": {"alive": alive, "stale": len(snapshot.workers) - alive},
        "totals": {"failed": sum(stats.failures for stats in snapshot.types)},
    }


def _of_type(stats: TypeStats) -> dict[str, Any]:
    oldest_ms = stats.oldest_waiting_ms
    return {
        **stats.counts,
        "wait_p50_ms": _rounded(stats.waits, 0.5),
        "wait_p95_ms": _rounded(stats.waits, 0.95),
        "run_p95_ms": _rounded(stats.runs, 0.95),
        "oldest_waiting_s": None if oldest_ms is None else oldest_ms / 1000,
        "success_rate": stats.success_rate,
        "failed_today": stats.failed_today,
        "limit": stats.limit,
        "in_use": stats.counts["active"],
        "paused": stats.paused,
    }


def _rounded(histogram: Mapping[int, int], share: float) -> float | None:
    found = percentile(histogram, share)
    return None if found is None else round(found, 1)
