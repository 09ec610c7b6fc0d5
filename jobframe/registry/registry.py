"""The loaded plugins, asked together; what one of them raises harms no other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pluggy

from jobframe.core.context import App
from jobframe.core.errors import PluginError
from jobframe.core.event import Event
from jobframe.core.job import NewJob
from jobframe.registry.catalog import Catalog
from jobframe.registry.fault import describe
from jobframe.registry.state import PluginState

__all__ = ["Registry"]

_log = logging.getLogger(__name__)


class Registry:
    """
    The plugins of this process.

    Attributes:
        plugins: State of every installed plugin, loaded or not, in the order of loading.
        catalog: The job types of the loaded ones.
        conflicts: One for each plugin that was refused because another one has its type or name; no worker may start
            with one, for nobody can tell which of the two is meant.
        observed: Whether anybody implements ``jobframe_transition``.

    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugins: Sequence[PluginState],
        catalog: Catalog,
        settings: Mapping[str, type],
        conflicts: Sequence[PluginError],
    ) -> None:
        """Take what `jobframe.registry.loader.load` has loaded."""
        self.plugins = tuple(plugins)
        self.catalog = catalog
        self.conflicts = tuple(conflicts)
        self._manager = manager
        self._settings = dict(settings)
        self._observers = _implementations(manager, "jobframe_transition")
        self._complained: set[str] = set()
        self.observed = bool(self._observers)

    def settings_classes(self) -> dict[str, type]:
        """Return the class of ``[settings.<plugin>]`` of every loaded plugin that has one."""
        return dict(self._settings)

    def lifespans(self, app: App) -> list[AbstractAsyncContextManager[None]]:
        """
        Return the lifespan of every plugin for *app*, to be entered in this order.

        Entering one raises `PluginError` when the plugin cannot start.
        """
        return [
            _lifespan(implementation, app) for implementation in _implementations(self._manager, "jobframe_lifespan")
        ]

    def observe(self, event: Event) -> None:
        """Tell every observer about *event*; one that raises is complained of once and asked again next time."""
        for implementation in self._observers:
            try:
                _call(implementation, event=event)
            except Exception as error:  # noqa: BLE001 - observers look; they cannot fail a job
                self._complain(implementation.plugin_name, error)

    def start_jobs(self, app: App) -> list[NewJob]:
        """Return the jobs that the plugins want at the start; a plugin whose hook raises is named and has none."""
        jobs: list[NewJob] = []
        for implementation in _implementations(self._manager, "jobframe_start_jobs"):
            try:
                jobs += _call(implementation, app=app)
            except Exception as error:  # noqa: BLE001 - one plugin's start is not the others'
                _log.warning(
                    "plugin %s: its jobframe_start_jobs failed: %s", implementation.plugin_name, describe(error)
                )
        return jobs

    def health(self) -> dict[str, str | None]:
        """Return every plugin's own checks: ``<plugin>.<check>`` → None when all is well, else what is wrong."""
        checks: dict[str, str | None] = {}
        for implementation in _implementations(self._manager, "jobframe_health"):
            plugin = implementation.plugin_name
            try:
                found = _call(implementation)
                checks |= {f"{plugin}.{name}": None if fault is None else str(fault) for name, fault in found.items()}
            except Exception as error:  # noqa: BLE001 - a broken check is a finding, not a failure of readiness itself
                checks[plugin] = f"its health check failed: {type(error).__name__}"
        return checks

    def _complain(self, plugin: str, error: Exception) -> None:
        if plugin in self._complained:
            return
        self._complained.add(plugin)
        _log.warning(
            "plugin %s: its jobframe_transition failed (%s); jobs go on, and this is said once",
            plugin,
            type(error).__name__,
        )


def _implementations(manager: pluggy.PluginManager, hook: str) -> list[pluggy.HookImpl]:
    """
    Return the implementations of *hook* in the order of loading, ``tryfirst`` before and ``trylast`` after the rest.

    They are called one by one because pluggy's own call stops at the first exception.
    """
    found: list[pluggy.HookImpl] = getattr(manager.hook, hook).get_hookimpls()
    return sorted(found, key=lambda implementation: (not implementation.tryfirst, implementation.trylast))


def _call(implementation: pluggy.HookImpl, **arguments: Any) -> Any:
    """Call *implementation* with those of *arguments* that it takes: hooks grow by new ones."""
    return implementation.function(*(arguments[name] for name in implementation.argnames))


@asynccontextmanager
async def _lifespan(implementation: pluggy.HookImpl, app: App) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(_call(implementation, app=app))
        except Exception as error:
            raise PluginError(implementation.plugin_name, f"jobframe_lifespan failed: {describe(error)}") from error
        yield
