"""A snapshot as Prometheus metrics; the labels are announced types, states and outcomes, so the series stay few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from jobframe.core.histogram import BOUNDS_MS, cumulate, merge, total_ms
from jobframe.store.inspect import COUNTS_NOW, COUNTS_SINCE, Snapshot, TypeStats, add_up

__all__ = ["exposition"]

_OTHER = "other"
_BOUNDS = (*(str(ms / 1000) for ms in BOUNDS_MS), "+Inf")


def exposition(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """
    Render *snapshot*, read with the histograms since the beginning.

    Args:
        snapshot: What to show.
        accept: The client's Accept header: it may ask for OpenMetrics.

    Returns:
        The text and its content type.

    """
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    registry.register(_Snapshot(snapshot))
    return encode(registry), content_type


class _Snapshot(Collector):
    """What Prometheus reads of one snapshot; types that nobody announced are one label."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._workers = snapshot.workers
        self._by_label: dict[str, list[TypeStats]] = defaultdict(list)
        for stats in snapshot.types:
            self._by_label[stats.type if stats.announced else _OTHER].append(stats)

    def collect(self) -> Iterator[Metric]:
        yield from self._counts()
        yield self._oldest()
        yield self._histogram("wait", "Seconds from a job's due time to its start.", "waits")
        yield self._histogram("run", "Seconds that attempts ran.", "runs")
        yield self._fleet()

    def _counts(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(
            "jobframe_jobs", "Jobs in a state now; failed ones are dead letters.", labels=("type", "state")
        )
        outcomes = CounterMetricFamily(
            "jobframe_job_outcomes",
            "What happened to jobs; expired ones count as failed too.",
            labels=("type", "outcome"),
        )
        for label, stats in self._by_label.items():
            counts = add_up(stats)
            for state in COUNTS_NOW:
                jobs.add_metric((label, state), counts[state])
            for outcome in COUNTS_SINCE:
                outcomes.add_metric((label, outcome), counts[outcome])
            outcomes.add_metric((label, "failed"), sum(each.failures for each in stats))
        yield jobs
        yield outcomes

    def _oldest(self) -> Metric:
        oldest = GaugeMetricFamily(
            "jobframe_oldest_waiting_seconds",
            "How long the first waiting job has been due; 0 when none waits.",
            labels=("type",),
        )
        for label, stats in self._by_label.items():
            oldest.add_metric((label,), max(each.oldest_waiting_ms or 0 for each in stats) / 1000)
        return oldest

    def _histogram(self, name: str, text: str, attribute: str) -> Metric:
        family = HistogramMetricFamily(f"jobframe_job_{name}_seconds", text, labels=("type",))
        for label, stats in self._by_label.items():
            histogram: Mapping[int, int] = merge(getattr(each, attribute) for each in stats)
            counts = zip(_BOUNDS, cumulate(histogram), strict=True)
            family.add_metric((label,), list(counts), total_ms(histogram) / 1000)
        return family

    def _fleet(self) -> Metric:
        workers = GaugeMetricFamily("jobframe_workers", "Registered workers; stale ones are silent.", labels=("state",))
        alive = sum(worker.alive for worker in self._workers)
        workers.add_metric(("alive",), alive)
        workers.add_metric(("stale",), len(self._workers) - alive)
        return workers
