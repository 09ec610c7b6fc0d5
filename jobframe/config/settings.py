"""``[settings.<plugin>]``: read strictly into the plugin's own attrs class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from jobframe.config.lines import in_file_order
from jobframe.config.reader import read
from jobframe.config.schema import Config
from jobframe.config.strict import Invalid
from jobframe.config.strict import structure as structure_table
from jobframe.core.errors import ConfigError, Problem

__all__ = ["settings", "structure", "structure_all"]

T = TypeVar("T")


def settings(plugin: str, cls: type[T], *, config: str | os.PathLike[str] | None = None) -> T:
    """
    Read the settings of *plugin* outside a worker, as a plugin's own command does; in a handler they are a resource.

    Args:
        plugin: Name of its entry point: ``[settings.<plugin>]``.
        cls: The attrs class that its ``jobframe_settings`` names.
        config: The ``jobs.toml`` to read; absent: ``JOBFRAME_CONFIG``, or ``jobs.toml`` here if there is one.

    Raises:
        ConfigError: The configuration cannot be read, or the table does not fit; with every problem found.

    """
    return structure(read(config), plugin, cls)


def structure(config: Config, plugin: str, cls: type[T]) -> T:
    """
    Read ``[settings.<plugin>]`` as an instance of *cls*; without the table all of its defaults hold.

    Raises:
        ConfigError: It does not fit; with every problem found.

    """
    try:
        return structure_table(config.settings.get(plugin, {}), cls)
    except Invalid as invalid:
        problems = [config.lines.problem(("settings", plugin, *path), message) for path, message in invalid.mistakes]
        raise ConfigError(*in_file_order(problems)) from None


def structure_all(config: Config, classes: Mapping[str, type]) -> tuple[dict[type, Any], list[Problem]]:
    """
    Read the settings of every plugin.

    Args:
        config: The configuration.
        classes: Plugin → the class of its settings.

    Returns:
        Class → instance, without those that do not fit; and every problem found.

    """
    found: dict[type, Any] = {}
    problems: list[Problem] = []
    for plugin, cls in classes.items():
        try:
            found[cls] = structure(config, plugin, cls)
        except ConfigError as error:
            problems += error.problems
    return found, problems
