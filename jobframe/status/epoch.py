"""Notices that the store lost its data: a namespace keeps the moment of its first write for as long as it lives."""

from __future__ import annotations

import attrs
import structlog

from jobframe.core import clock
from jobframe.status.readiness import Check, Verdict
from jobframe.store.inspect import COUNTS_NOW, Snapshot, TypeStats

__all__ = ["EpochWatch"]

_TOLD_FOR_MS = 3_600_000
_log = structlog.get_logger("jobframe.status")


@attrs.frozen
class _Loss:
    at_ms: int
    jobs: int


class EpochWatch:
    """Compares what is read now with what was read before, and tells of a loss for an hour."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self._before: Snapshot | None = None
        self._loss: _Loss | None = None

    def see(self, snapshot: Snapshot) -> Check:
        """Look at *snapshot* and judge."""
        before = self._before
        if before is not None and before.epoch and before.epoch != snapshot.epoch:
            self._loss = _Loss(snapshot.now_ms, sum(map(_held, before.types)))
            _log.error("the store lost its data", jobs=self._loss.jobs, since=clock.from_ms(before.now_ms).isoformat())
        self._before = snapshot
        loss = self._loss
        if loss is None or snapshot.now_ms - loss.at_ms > _TOLD_FOR_MS:
            return Check("data", Verdict.OK, "as it was when this process first looked")
        text = (
            f"the store lost its data before {clock.from_ms(loss.at_ms):%Y-%m-%d %H:%M:%S} UTC, {loss.jobs} jobs among "
            "it: it was emptied, or replaced by another; restore it, or enqueue them again"
        )
        return Check("data", Verdict.DEGRADED, text)


def _held(stats: TypeStats) -> int:
    return sum(stats.counts[state] for state in COUNTS_NOW)
