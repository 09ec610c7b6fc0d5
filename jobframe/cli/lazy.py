"""A click group that imports a command only when it is used, be it one of ours or a plugin's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.table import Entry

__all__ = ["PLUGIN_GROUP", "LazyGroup"]

PLUGIN_GROUP = "jobframe.commands"
"""Entry-point group of the plugins' commands: name = command, value = a click command."""

_PLUGIN_FAMILY = "From plugins"


class LazyGroup(click.Group):
    """The commands of a table and of the installed plugins; a plugin cannot take the name of one of ours."""

    def __init__(self, *args: Any, table: Mapping[str, Entry], **kwargs: Any) -> None:
        """Take what `click.Group` takes and the *table* of our own commands."""
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, in the order of the table, then the plugins'."""
        del ctx
        return [*self._table, *self._from_plugins]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command *cmd_name*; None when there is none of that name."""
        if cmd_name in self._table:
            module, _, function = self._table[cmd_name].home.partition(":")
            return getattr(import_module(f"jobframe.cli.{module}"), function)  # type: ignore[no-any-return] # a test loads each
        if cmd_name in self._from_plugins:
            from jobframe.cli.plugin_command import load  # noqa: PLC0415 - needs the configuration: only when used

            return load(self._from_plugins[cmd_name], ctx.find_object(Invocation) or Invocation())
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        name = args[0]
        if not name.startswith("-") and name not in self._table and name not in self._from_plugins:
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f"did you mean {close[0]!r}?" if close else "jobframe --help lists them"
            ctx.fail(f"no command {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by family, from the table alone."""
        del ctx
        for family, rows in self._families():
            with formatter.section(family):
                formatter.write_dl(rows)

    def _families(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        families: dict[str, list[tuple[str, str]]] = {}
        for name, entry in self._table.items():
            families.setdefault(entry.family, []).append((name, entry.summary))
        for name, point in self._from_plugins.items():
            distribution = point.dist.name if point.dist else point.value
            families.setdefault(_PLUGIN_FAMILY, []).append((name, f"Provided by {distribution}."))
        yield from families.items()

    @cached_property
    def _from_plugins(self) -> dict[str, EntryPoint]:
        points = sorted(entry_points(group=PLUGIN_GROUP), key=lambda point: point.name)
        return {point.name: point for point in points if point.name not in self._table}
