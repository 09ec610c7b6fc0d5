"""``jobframe help``: for those who type it before ``--help``."""

from __future__ import annotations

import click

from jobframe.cli.options import example

__all__ = ["help_command"]


@click.command("help", epilog=example("jobframe help enqueue"))
@click.argument("command", required=False)
@click.pass_context
def help_command(ctx: click.Context, command: str | None) -> None:
    """Show what jobframe, or COMMAND, does; the same as --help."""
    parent = ctx.parent
    if parent is None or not isinstance(parent.command, click.Group):  # pragma: no cover - only ever run in its group
        return
    if command is None:
        click.echo(parent.get_help())
        return
    name, found, _ = parent.command.resolve_command(parent, [command])
    if found is not None:
        with click.Context(found, info_name=name, parent=parent) as inner:
            click.echo(found.get_help(inner))
