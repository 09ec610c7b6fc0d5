"""The JSON that reading commands print of the store's nouns; its shape is stable."""

from __future__ import annotations

from typing import Any

from jobframe.cli.times import iso
from jobframe.client.search import Group
from jobframe.core.fingerprint import cause
from jobframe.core.job import JobInfo
from jobframe.core.progress import Progress

__all__ = ["group_document", "job_document"]


def job_document(info: JobInfo) -> dict[str, Any]:
    """Describe a job without payload and result; times are ISO 8601 in UTC, absent ones null."""
    why = cause(info)
    return {
        "id": info.id,
        "type": info.type,
        "state": str(info.state),
        "enqueued_at": iso(info.enqueued_ms),
        "due_at": iso(info.due_ms),
        "started_at": iso(info.started_ms),
        "finished_at": iso(info.finished_ms),
        "worker": info.worker,
        "attempts": info.attempts,
        "crashes": info.crashes,
        "interrupts": info.interrupts,
        "snoozes": info.snoozes,
        "reason": info.reason,
        "progress": None if info.progress is None else _progress_document(info.progress),
        "steps": list(info.steps),
        "fingerprint": None if why is None else why.fingerprint,
        "retried_at": iso(info.retried_ms),
        "retried_by": info.retried_by or None,
        "errors": [
            {
                "attempt": error.attempt,
                "at": iso(error.at_ms),
                "worker": error.worker,
                "run_ms": error.run_ms,
                "error": error.error,
                "message": error.message,
                "trace": list(error.trace),
            }
            for error in info.errors
        ],
    }


def _progress_document(progress: Progress) -> dict[str, Any]:
    return {"done": progress.done, "total": progress.total, "note": progress.note, "at": iso(progress.at_ms)}


def group_document(group: Group) -> dict[str, Any]:
    """Describe jobs that ended of the same."""
    return {
        "fingerprint": group.cause.fingerprint,
        "error": group.cause.error,
        "message": group.cause.message,
        "count": group.count,
        "types": list(group.types),
        "first_at": iso(group.first_ms),
        "last_at": iso(group.last_ms),
        "newest": group.newest,
    }
