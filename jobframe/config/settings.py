"""``[settings.<plugin>]``: read strictly into the plugin's own attrs class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from jobframe.config.lines import in_file_order
from jobframe.config.schema import Config
from jobframe.config.strict import Invalid
from jobframe.config.strict import structure as structure_table
from jobframe.core.errors import ConfigError, Problem

__all__ = ["structure", "structure_all"]

T = TypeVar("T")


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
    settings: dict[type, Any] = {}
    problems: list[Problem] = []
    for plugin, cls in classes.items():
        try:
            settings[cls] = structure(config, plugin, cls)
        except ConfigError as error:
            problems += error.problems
    return settings, problems
