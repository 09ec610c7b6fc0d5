"""What a plugin contributes, asked once when it is registered, and refused when it is not what a hook promises."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import pluggy

from jobframe.core.errors import PluginError
from jobframe.core.jobtype import JobType
from jobframe.core.policy import nearest
from jobframe.registry import hookspecs

__all__ = ["HOOKS", "Contribution", "contribution_of"]

HOOKS = tuple(name for name in hookspecs.__all__ if name.startswith(f"{hookspecs.PROJECT}_"))
"""Names of all hooks."""


@attrs.frozen
class Contribution:
    """
    What a plugin brings.

    Attributes:
        job_types: Its job types.
        settings: The attrs class of its settings, or None.

    """

    job_types: tuple[JobType, ...]
    settings: type | None


def contribution_of(manager: pluggy.PluginManager, name: str) -> Contribution:
    """
    Check the registered plugin *name* and ask it what it brings.

    Raises:
        PluginError: It implements no hook or an unknown one, or answers with something else than its hook promises.
        Exception: Whatever its hooks raise.

    """
    hooks = _implementations(manager, name)
    _check_names(manager.get_plugin(name), name, hooks)
    for hook, implementation in hooks.items():
        _check_kind(name, hook, implementation)
    return Contribution(_job_types(name, hooks), _settings(name, hooks))


def _implementations(manager: pluggy.PluginManager, name: str) -> dict[str, pluggy.HookImpl]:
    return {
        caller.name: implementation
        for caller in manager.get_hookcallers(manager.get_plugin(name)) or ()
        for implementation in caller.get_hookimpls()
        if implementation.plugin_name == name
    }


def _check_names(plugin: object, name: str, hooks: dict[str, pluggy.HookImpl]) -> None:
    for hook in hooks.keys() - set(HOOKS):
        raise PluginError(name, f"unknown hook {hook!r}{nearest(hook, list(HOOKS))}")
    for hook in HOOKS:
        if hook not in hooks and callable(getattr(plugin, hook, None)):
            raise PluginError(name, f"{hook} is not marked: put @jobframe.hookimpl above it")
    if not hooks:
        raise PluginError(
            name, "implements no hook: its entry point names a module with functions marked @jobframe.hookimpl"
        )


def _check_kind(name: str, hook: str, implementation: pluggy.HookImpl) -> None:
    if implementation.wrapper or implementation.hookwrapper:
        raise PluginError(name, f"{hook} is a hook wrapper: hooks of jobframe only look and answer")
    if inspect.iscoroutinefunction(implementation.function):
        raise PluginError(name, f"{hook} is an async def: nobody would await it")


def _job_types(name: str, hooks: dict[str, pluggy.HookImpl]) -> tuple[JobType, ...]:
    if "jobframe_job_types" not in hooks:
        return ()
    found: dict[str, JobType] = {}
    returned: Any = hooks["jobframe_job_types"].function()
    for job_type in returned:
        if not isinstance(job_type, JobType):
            raise PluginError(
                name, f"jobframe_job_types returned {_word(job_type)}: decorate the handler with @jobframe.job"
            )
        if found.setdefault(job_type.name, job_type) is not job_type:
            raise PluginError(name, f"jobframe_job_types returned two job types named {job_type.name!r}")
    return tuple(found.values())


def _settings(name: str, hooks: dict[str, pluggy.HookImpl]) -> type | None:
    if "jobframe_settings" not in hooks:
        return None
    cls = hooks["jobframe_settings"].function()
    if not isinstance(cls, type) or not attrs.has(cls):
        raise PluginError(name, f"jobframe_settings returned {_word(cls)}: it must return an attrs class")
    attrs.resolve_types(cls)
    return cls


def _word(value: object) -> str:
    return f"{type(value).__name__} {getattr(value, '__name__', '')}".rstrip()
