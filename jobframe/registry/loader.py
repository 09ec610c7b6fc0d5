"""
Loads plugins one by one, so that a broken one is recorded and stops no other.

pluggy's own bulk loader is not used: it stops at the first broken plugin and imports what is not allowed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pluggy

from jobframe.core import clock
from jobframe.core.errors import PluginError
from jobframe.registry import hookspecs
from jobframe.registry.access import incompatibility, refusal
from jobframe.registry.catalog import Catalog
from jobframe.registry.contribution import contribution_of
from jobframe.registry.fault import describe
from jobframe.registry.installed import Installed, installed
from jobframe.registry.registry import Registry
from jobframe.registry.state import Outcome, PluginState

__all__ = ["load"]


def load(allow: Collection[str] | None = None, disable: Collection[str] = (), *, named: str | None = None) -> Registry:
    """
    Import every installed plugin that may be imported.

    Args:
        allow: Distributions, perhaps with versions, as in ``[plugins] allow``; None is all that are installed.
        disable: Names of plugins or distributions that are not imported.
        named: Only the plugin of this name; None is all.

    Returns:
        The registry; it holds the state of every plugin, also of those that failed.

    """
    loading = _Loading()
    states = [
        loading.load(plugin, refusal(plugin, allow, disable)) for plugin in installed() if named in (None, plugin.name)
    ]
    return Registry(loading.manager, states, loading.catalog, loading.settings, loading.conflicts)


class _Loading:
    """What has been loaded so far."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.catalog = Catalog()
        self.settings: dict[str, type] = {}
        self.conflicts: list[PluginError] = []
        self._distributions: dict[str, str] = {}

    def load(self, plugin: Installed, refused: str) -> PluginState:
        """Load *plugin* unless it is *refused*; whatever it raises becomes part of its state."""
        if refused:
            return _state(plugin, "disabled", error=refused)
        if unfit := incompatibility(plugin):
            return _state(plugin, "incompatible", error=unfit)
        started = clock.monotonic()
        try:
            self._claim_name(plugin)
            module = plugin.entry_point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the import of a plugin may raise anything
            return _state(plugin, "failed", error=describe(error, plugin.entry_point.module))
        import_ms = round((clock.monotonic() - started) * 1000)
        try:
            types = self._register(plugin, module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - so may its hooks
            if self.manager.get_name(module) == plugin.name:
                self.manager.unregister(name=plugin.name)
            return _state(plugin, "failed", error=describe(error, plugin.entry_point.module), import_ms=import_ms)
        return _state(plugin, "loaded", import_ms=import_ms, types=types)

    def _claim_name(self, plugin: Installed) -> None:
        owner = self._distributions.setdefault(plugin.name, plugin.distribution)
        if owner != plugin.distribution:
            problem = f"{plugin.distribution} and {owner} both provide a plugin of this name: uninstall one of them"
            raise self._conflict(PluginError(plugin.name, problem))

    def _register(self, plugin: Installed, module: object) -> tuple[str, ...]:
        self.manager.register(module, plugin.name)
        brought = contribution_of(self.manager, plugin.name)
        try:
            self.catalog.add(plugin.name, plugin.distribution, brought.job_types)
        except PluginError as error:
            raise self._conflict(error) from None
        if brought.settings is not None:
            self.settings[plugin.name] = brought.settings
        return tuple(job_type.name for job_type in brought.job_types)

    def _conflict(self, error: PluginError) -> PluginError:
        self.conflicts.append(error)
        return error


def _state(plugin: Installed, state: Outcome, **known: Any) -> PluginState:
    return PluginState(name=plugin.name, distribution=plugin.distribution, version=plugin.version, state=state, **known)
