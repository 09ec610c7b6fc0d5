"""The hooks: what jobframe asks every plugin. Mark an implementation with `hookimpl`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:  # a plugin's import must not cost more than it needs itself
    from jobframe.core.context import App
    from jobframe.core.event import Event
    from jobframe.core.job import NewJob
    from jobframe.core.jobtype import JobType

__all__ = [
    "PROJECT",
    "hookimpl",
    "jobframe_health",
    "jobframe_job_types",
    "jobframe_lifespan",
    "jobframe_settings",
    "jobframe_start_jobs",
    "jobframe_transition",
]

PROJECT = "jobframe"
hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)


@_hookspec
def jobframe_job_types() -> Iterable[JobType]:  # type: ignore[empty-body] # a specification
    """Return the job types of this plugin, made by `jobframe.job`."""


@_hookspec
def jobframe_settings() -> type:  # type: ignore[empty-body] # a specification
    """Return the attrs class of ``[settings.<plugin>]``; its instance is a resource of that class."""


@_hookspec
def jobframe_lifespan(app: App) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body] # a specification
    """Return an async context manager that is open while a worker runs; it offers resources with ``app.provide``."""


@_hookspec
def jobframe_transition(event: Event) -> None:
    """Look at a job's change of state in this process; quickly, for it is called in the event loop."""


@_hookspec
def jobframe_health() -> Mapping[str, str | None]:  # type: ignore[empty-body] # a specification
    """Return this plugin's own checks for ``/readyz``: name → None when all is well, else what is wrong."""


@_hookspec
def jobframe_start_jobs(app: App) -> Iterable[NewJob]:  # type: ignore[empty-body] # a specification
    """Return the jobs that ``jobframe up`` enqueues when it starts; *app* offers the settings of every plugin."""
