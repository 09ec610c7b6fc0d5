"""A plugin's own command: imported when it is used, and only when jobs.toml lets its distribution in."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import click

from jobframe.cli.invocation import Invocation
from jobframe.config.reader import examine
from jobframe.core.errors import PluginError
from jobframe.registry.access import refusal
from jobframe.registry.fault import describe
from jobframe.registry.installed import Installed, installed

__all__ = ["load"]


def load(point: EntryPoint, invocation: Invocation) -> click.Command:
    """
    Import the command behind *point*.

    Raises:
        ConfigError: It cannot be told which plugins jobs.toml lets in.
        PluginError: Its distribution is not let in, its import fails, or it is no click command.

    """
    config, _ = examine(invocation.config)
    refusals = [refusal(plugin, config.plugins.allow, config.plugins.disable) for plugin in _plugins_of(point)]
    if all(refusals):
        raise PluginError(point.name, f"its command is not available: {refusals[0]}")
    try:
        command = point.load()
    except (Exception, SystemExit) as error:  # the import of a plugin may raise anything
        raise PluginError(point.name, f"its command cannot be imported: {describe(error)}") from error
    if not isinstance(command, click.Command):
        raise PluginError(point.name, f"{point.value} is no click command but a {type(command).__name__}")
    return command


def _plugins_of(point: EntryPoint) -> list[Installed]:
    """Return the plugins that come with the command; without any, its distribution counts as a plugin of its name."""
    name, version = (point.dist.name, point.dist.version) if point.dist else (point.value, "0")
    together = [plugin for plugin in installed() if plugin.entry_point.dist and plugin.entry_point.dist.name == name]
    return together or [Installed(point.name, name, version, "", point)]
