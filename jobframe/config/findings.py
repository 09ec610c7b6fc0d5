"""What a check of the configuration collects: what is wrong, where it stands, and which plugins are missed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import attrs

from jobframe.config.lines import KeyPath, dotted, in_file_order
from jobframe.config.resolve import AUTHOR, BUILT_IN, Resolved
from jobframe.config.schema import Config
from jobframe.config.variables import word
from jobframe.core.errors import PluginError, Problem
from jobframe.core.policy import KEYS, nearest

__all__ = ["Findings", "Plugin", "Report", "by_name", "nearest_installed"]


class Plugin(Protocol):
    """What is known of a plugin, loaded or not."""

    @property
    def name(self) -> str:
        """Name of its entry point: the key of its settings, and by habit the first word of its types."""

    @property
    def distribution(self) -> str:
        """Name of the distribution it comes in."""

    @property
    def version(self) -> str:
        """Version of that distribution."""

    @property
    def state(self) -> str:
        """``loaded``, ``disabled``, ``incompatible`` or ``failed``."""

    @property
    def error(self) -> str:
        """Why it is not loaded."""


@attrs.frozen
class Report:
    """
    Everything found.

    Attributes:
        errors: Nothing may start with these.
        broken: One for each plugin that the file needs and that could not be loaded: no worker may start.
        warnings: Worth knowing; nothing is stopped.

    """

    errors: tuple[Problem, ...] = ()
    broken: tuple[PluginError, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Findings:
    """
    Collects what is found, and what the file needs of plugins that are not loaded.

    Attributes:
        config: What is checked.
        plugins: The installed plugins by name.
        errors: Nothing may start with these.
        warnings: Worth knowing.

    """

    def __init__(self, config: Config, plugins: Mapping[str, Plugin]) -> None:
        """Find nothing yet in *config*, with the installed *plugins* by name."""
        self.config = config
        self.plugins = plugins
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self._broken: dict[str, PluginError] = {}

    def error(self, path: KeyPath, message: str, code: str = "") -> None:
        """Note what is wrong at *path* of the file."""
        self.errors.append(self.config.lines.problem(path, message, code))

    def warn(self, path: KeyPath, message: str, code: str = "") -> None:
        """Note what is doubtful at *path* of the file."""
        self.warnings.append(self.config.lines.problem(path, message, code))

    def needs(self, plugin: Plugin, path: KeyPath) -> None:
        """Note that the table at *path* belongs to *plugin*, which is not loaded by choice or because it is broken."""
        if plugin.state == "disabled":
            self.warn(
                path, f"has no effect: plugin {plugin.name} is not loaded ({plugin.error})", code="plugin-not-loaded"
            )
        elif plugin.name not in self._broken:
            place = f"{dotted(path)} ({self.config.lines.where(path)})"
            self._broken[plugin.name] = PluginError(plugin.name, f"{plugin.state}: {plugin.error}; needed for {place}")

    def broken(self) -> list[Plugin]:
        """Return the plugins that could not be loaded."""
        return [plugin for plugin in self.plugins.values() if plugin.state in ("failed", "incompatible")]

    def warn_of_the_rest(self) -> None:
        """Warn of broken plugins that nothing in the file needs."""
        for plugin in self.broken():
            if plugin.name not in self._broken:
                message = f"plugin {plugin.name} of {plugin.distribution} is {plugin.state}: {plugin.error}"
                self.warnings.append(Problem("", message, code="plugin-not-loaded"))

    def report(self) -> Report:
        """Return everything found, in the order of the file."""
        return Report(in_file_order(self.errors), tuple(self._broken.values()), in_file_order(self.warnings))

    def set_at(self, name: str, key: str) -> KeyPath:
        """Return the path of the strongest table that sets *key* for type *name*."""
        return ("jobs", name, key) if KEYS[key][0] in self.config.jobs.get(name, {}) else ("defaults", key)

    def about(self, name: str, resolved: Resolved, key: str, message: str, code: str = "") -> Problem:
        """Say *message* about what the strongest layer says of *key* for type *name*."""
        origin = resolved.sources[key][-1].origin
        found = self.config.lines.problem(self.set_at(name, key), message)
        if origin in (AUTHOR, BUILT_IN):
            found = Problem(dotted(("jobs", name, key)), message)
        elif origin.startswith("env "):
            found = Problem("", message, origin.removeprefix("env "))
        return attrs.evolve(found, code=code) if code else found

    def refuse(self, name: str, key: str, part: str, message: str) -> None:
        """Refuse a part of *key* of type *name*, at the place or in the variable that sets it."""
        environment, attribute = self.config.environment, KEYS[key][0]
        given = environment.jobs.get(word(name), {}).get(attribute) or environment.defaults.get(attribute)
        if given is not None:
            self.errors.append(Problem("", message, given.variable))
        else:
            self.error((*self.set_at(name, key), part), message)


def by_name(plugins: Collection[Plugin]) -> dict[str, Plugin]:
    """Index *plugins*; the name of a loaded one is its own, whatever else goes by it."""
    return {plugin.name: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.state == "loaded")}


def nearest_installed(name: str, known: Collection[str]) -> str:
    """Name the one of the *known* that is most like *name*."""
    return nearest(name, list(known)) if known else ": none are installed"
