"""What jobframe asks its built-in plugin for; it comes with jobframe itself and needs no mention in jobs.toml."""

from __future__ import annotations

from jobframe import JobType, hookimpl
from jobframe.maintenance.jobs import doctor, purge, vacuum

__all__: list[str] = []


@hookimpl
def jobframe_job_types() -> list[JobType]:
    """Purge, doctor and vacuum."""
    return [purge, doctor, vacuum]
