"""Configuration and plugins, put together: what a worker runs, and what is wrong with either."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from jobframe.config.check import Report, check, missing
from jobframe.config.lines import in_file_order
from jobframe.config.reader import examine
from jobframe.config.resolve import Resolved, resolve
from jobframe.config.schema import Config
from jobframe.config.settings import structure_all
from jobframe.core.errors import ConfigError, Problem
from jobframe.core.schedule import Schedule
from jobframe.registry.loader import load
from jobframe.registry.registry import Registry

__all__ = ["Project", "inspect_project", "load_plugins", "load_project", "reload_project"]


@attrs.frozen
class Project:
    """
    Configuration and plugins, put together.

    Attributes:
        config: jobs.toml and the environment.
        registry: The plugins.
        policies: Policy of every job type, and where it comes from; with ``types`` given, of those only.
        settings: Settings of the plugins by class.

    """

    config: Config
    registry: Registry
    policies: Mapping[str, Resolved]
    settings: Mapping[type, Any]

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules of these types."""
        return tuple(each for each in self.config.schedules.values() if each.job in self.policies)

    @property
    def only(self) -> tuple[str, ...]:
        """The job types that it was limited to; empty is all."""
        return () if self.policies.keys() == self.registry.catalog.types.keys() else tuple(self.policies)


def inspect_project(path: str | os.PathLike[str] | None = None) -> tuple[Project, Report]:
    """
    Read the configuration, load the plugins, and report everything that is wrong with either.

    The project leaves out what is wrong; it is for showing, and for a worker only when there are no errors.

    Raises:
        ConfigError: The file cannot be read, or does not say which plugins may be imported.

    """
    config, problems = examine(path)
    return _put_together(config, problems, _load(config))


def _load(config: Config) -> Registry:
    return load(config.plugins.allow, config.plugins.disable)


def _put_together(config: Config, problems: Iterable[Problem], registry: Registry) -> tuple[Project, Report]:
    types, classes = registry.catalog.types, registry.settings_classes()
    settings, unfit = structure_all(config, classes)
    report = check(config, types, registry.plugins, classes)
    report = attrs.evolve(
        report,
        errors=in_file_order([*problems, *report.errors, *unfit]),
        broken=(*registry.conflicts, *report.broken),
    )
    return Project(config, registry, resolve(config, types), settings), report


def load_project(path: str | os.PathLike[str] | None = None, *, types: Collection[str] = ()) -> Project:
    """
    Put together what a worker needs.

    Args:
        path: The configuration file; None is the usual one.
        types: Only these job types; empty is all. A broken plugin that none of them needs stops nothing then.

    Raises:
        ConfigError: With everything that is wrong in the file and the environment.
        PluginError: A plugin that is needed cannot be used, or two provide the same type.
        UnknownJobType: One of *types* does not exist.

    """
    return _usable(*inspect_project(path), types)


def reload_project(project: Project) -> Project:
    """
    Read the configuration of *project* again, for the same job types and with the plugins that are loaded.

    Raises:
        ConfigError: With everything that is wrong in the file and the environment.
        PluginError: The file needs a plugin that is not loaded.

    """
    config, problems = examine(project.config.path)
    return _usable(*_put_together(config, problems, project.registry), project.only)


def load_plugins(config: Config, types: Collection[str]) -> Project:
    """
    Load the plugins for a *config* that another process has read, as `load_project` does.

    Raises:
        ConfigError: It does not fit the plugins that are installed by now.
        PluginError: A plugin that is needed cannot be used.
        UnknownJobType: One of *types* does not exist any more.

    """
    return _usable(*_put_together(config, (), _load(config)), types)


def _usable(project: Project, report: Report, types: Collection[str]) -> Project:
    if report.errors:
        raise ConfigError(*report.errors)
    known = project.registry.catalog.types
    for name in types:
        if name not in known:
            raise missing(name, known, project.registry.plugins)
    stopped_by = project.registry.conflicts if types else report.broken
    if stopped_by:
        raise stopped_by[0]
    if not types:
        return project
    return attrs.evolve(project, policies={name: project.policies[name] for name in types})
