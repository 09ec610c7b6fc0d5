"""``jobframe init``: a jobs.toml to start from."""

from __future__ import annotations

from pathlib import Path

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import example
from jobframe.cli.schema import SCHEMA_FILE, schema_text
from jobframe.cli.template import template
from jobframe.config.schedules import ScheduleConfig
from jobframe.config.schema import Config
from jobframe.registry.loader import load

__all__ = ["init"]

_TABLES = ("redis", "runtime", "status", "arq", "logging", "plugins", "encryption")


@click.command(epilog=example("jobframe init", "jobframe init --output - | less"))
@click.option(
    "--output", "-o", metavar="FILE", help="Where to write it; - is stdout; default: that of --config, else jobs.toml."
)
@click.option("--force", is_flag=True, help="Replace the file when it is there.")
@click.pass_obj
def init(invocation: Invocation, /, *, output: str | None, force: bool) -> None:
    """
    Write a commented jobs.toml for the installed plugins.

    Every key stands in it with its default, switched off, so it changes nothing until you edit it. Beside it stands
    jobs.schema.json, by which an editor completes and checks it.
    """
    registry = load()
    tables = {name: type(getattr(Config(), name)) for name in _TABLES}
    text = template(tables, registry.catalog.types, ScheduleConfig, registry.settings_classes())
    if output == "-":
        click.echo(text, nl=False)
        return
    path = Path(output) if output else invocation.config or Path("jobs.toml")
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already: --force replaces it, --output - shows the text") from None
    schema = path.with_name(SCHEMA_FILE)
    schema.write_text(schema_text(registry), encoding="utf-8")
    click.echo(f"wrote {path} and {schema}: edit the first, then try jobframe check", err=True)
    for plugin in registry.plugins:
        if plugin.error:
            click.echo(f"left out plugin {plugin.name}: {plugin.error}", err=True)
