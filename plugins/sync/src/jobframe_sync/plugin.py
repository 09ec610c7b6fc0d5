"""What jobframe asks this plugin for; importing it loads no file system."""

from __future__ import annotations

from jobframe import App, JobType, NewJob, hookimpl
from jobframe_sync.jobs import start_jobs, sync_source
from jobframe_sync.settings import SyncSettings

__all__: list[str] = []


@hookimpl
def jobframe_job_types() -> list[JobType]:
    """One job type: bring the corpus into step with one source."""
    return [sync_source]


@hookimpl
def jobframe_settings() -> type[SyncSettings]:
    """Name the class of ``[settings.sync]``."""
    return SyncSettings


@hookimpl
def jobframe_start_jobs(app: App) -> list[NewJob]:
    """Sync every configured source once at the start."""
    return start_jobs(app.resource(SyncSettings))
