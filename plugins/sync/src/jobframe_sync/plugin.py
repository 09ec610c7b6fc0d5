"""What jobframe asks this plugin for; importing it loads no file system."""

from __future__ import annotations

from jobframe import JobType, hookimpl
from jobframe_sync.jobs import sync_source
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
