"""
jobframe: declarative background jobs on Redis or Valkey.

This module is the one door for handler authors and producers. It loads neither redis, arq nor aiohttp: every name is
fetched from its own module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobframe.client import Handle, Jobs, SyncHandle, SyncJobs, connect, connect_sync
    from jobframe.config.settings import settings
    from jobframe.core.batch import Job
    from jobframe.core.context import App, Context
    from jobframe.core.errors import (
        ConfigError,
        Fenced,
        JobCancelled,
        JobFailed,
        JobframeError,
        JobNotFound,
        PayloadError,
        PluginError,
        Problem,
        QueueFull,
        RestrictedField,
        StoreFull,
        StoreUnavailable,
        Timeout,
        UnknownJobType,
    )
    from jobframe.core.event import Event
    from jobframe.core.job import JobInfo, NewJob, State
    from jobframe.core.jobtype import JobType, job
    from jobframe.core.outcome import Cancel, Fail, Retry, Snooze
    from jobframe.core.payload import restricted
    from jobframe.core.shown import printable
    from jobframe.registry.hookspecs import hookimpl
    from jobframe.runtime.arq_codec import arq_dumps, arq_loads
    from jobframe.wiring import WorkerSettings

_HOMES = {
    "client": ("Handle", "Jobs", "SyncHandle", "SyncJobs", "connect", "connect_sync"),
    "config.settings": ("settings",),
    "core.batch": ("Job",),
    "core.context": ("App", "Context"),
    "core.errors": (
        "ConfigError", "Fenced", "JobCancelled", "JobFailed", "JobNotFound", "JobframeError", "PayloadError",
        "PluginError", "Problem", "QueueFull", "RestrictedField", "StoreFull", "StoreUnavailable", "Timeout",
        "UnknownJobType",
    ),
    "core.event": ("Event",),
    "core.job": ("JobInfo", "NewJob", "State"),
    "core.jobtype": ("JobType", "job"),
    "core.outcome": ("Cancel", "Fail", "Retry", "Snooze"),
    "core.payload": ("restricted",),
    "core.shown": ("printable",),
    "registry.hookspecs": ("hookimpl",),
    "runtime.arq_codec": ("arq_dumps", "arq_loads"),
    "wiring": ("WorkerSettings",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - the order of the table above
    "Handle", "Jobs", "SyncHandle", "SyncJobs", "connect", "connect_sync", "settings", "Job", "App", "Context",
    "ConfigError", "Fenced", "JobCancelled", "JobFailed", "JobNotFound", "JobframeError", "PayloadError", "PluginError",
    "Problem", "QueueFull", "RestrictedField", "StoreFull", "StoreUnavailable", "Timeout", "UnknownJobType", "Event",
    "JobInfo", "NewJob", "State", "JobType", "job", "Cancel", "Fail", "Retry", "Snooze", "restricted", "printable",
    "hookimpl", "arq_dumps", "arq_loads", "WorkerSettings",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Fetch a public name from its own module, or the version from the installed metadata."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - 4 ms that few need

        return version("jobframe")
    if name not in _HOME_OF:
        msg = f"module 'jobframe' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"jobframe.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
