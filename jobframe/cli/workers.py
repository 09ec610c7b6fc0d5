"""``jobframe workers``: who runs jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.session import with_jobs
from jobframe.cli.times import ago, iso
from jobframe.core import clock
from jobframe.core.duration import span
from jobframe.store import inspect
from jobframe.store.stats import WorkerStats

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["workers"]

_MOST_TYPES = 4
"""Types that are named of one worker."""


@click.command(epilog=example("jobframe workers"))
@as_json
@with_jobs
async def workers(jobs: Jobs, *, as_json: bool) -> None:
    """
    Show the workers, what they run and when they were last seen.

    A stale worker has let its lease end; what it held is run again by others. A worker's file differs for the types of
    which it says another policy than is in force; SIGHUP has the worker read it again.

    --json prints a list of {"worker", "state", "host", "pid", "version", "started_at", "heartbeat_age_ms", "held",
    "max_jobs", "types", "differs"}; state is alive or stale.
    """
    found = await inspect.workers(jobs.store)
    if as_json:
        emit_json([_document(worker) for worker in found])
        return
    now_ms = clock.wall_ms()
    emit_table(
        ("worker", "state", "#jobs", "seen", "started", "version", "types", "file differs for"),
        [
            (
                worker.worker,
                _state(worker),
                f"{worker.held} of {worker.member.max_jobs}",
                f"{span(worker.heartbeat_age_ms)} ago",
                ago(worker.member.started_at, now_ms),
                worker.member.version,
                _some(worker.member.types),
                ", ".join(worker.differs),
            )
            for worker in found
        ],
        empty="No worker is registered: start one with jobframe worker.",
    )


def _document(worker: WorkerStats) -> dict[str, Any]:
    return {
        "worker": worker.worker,
        "state": _state(worker),
        "host": worker.member.host,
        "pid": worker.member.pid,
        "version": worker.member.version,
        "started_at": iso(worker.member.started_at),
        "heartbeat_age_ms": worker.heartbeat_age_ms,
        "held": worker.held,
        "max_jobs": worker.member.max_jobs,
        "types": list(worker.member.types),
        "differs": list(worker.differs),
    }


def _some(types: Sequence[str]) -> str:
    """Name the first few; --json has them all."""
    more = len(types) - _MOST_TYPES
    return ", ".join(types[:_MOST_TYPES]) + (f" and {more} more" if more > 0 else "")


def _state(worker: WorkerStats) -> str:
    return "alive" if worker.alive else "stale"
