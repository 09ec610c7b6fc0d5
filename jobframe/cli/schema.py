"""``jobframe schema``: the JSON Schema of jobs.toml, by which an editor completes and checks it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import example
from jobframe.cli.session import load_plugins
from jobframe.config.json_schema import json_schema
from jobframe.registry.registry import Registry

__all__ = ["SCHEMA_FILE", "schema", "schema_text"]

SCHEMA_FILE = "jobs.schema.json"
"""What the first line of a jobs.toml from ``jobframe init`` points to."""


@click.command(epilog=example(f"jobframe schema --output {SCHEMA_FILE}"))
@click.option("--output", "-o", metavar="FILE", help="Where to write it; - is stdout, the default.")
@click.pass_obj
def schema(invocation: Invocation, /, *, output: str | None) -> None:
    """
    Write the JSON Schema of jobs.toml for the installed plugins: keys, ranges, defaults and what each is for.

    An editor that knows TOML reads it by the first line of jobs.toml, which `jobframe init` writes:
    #:schema ./jobs.schema.json
    """
    text = schema_text(load_plugins(invocation))
    if output in (None, "-"):
        click.echo(text, nl=False)
        return
    path = Path(str(output))
    path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {path}: the first line of jobs.toml points to it as #:schema ./{path.name}", err=True)


def schema_text(registry: Registry) -> str:
    """Write the schema for the loaded plugins."""
    return (
        json.dumps(json_schema(registry.catalog.types, registry.settings_classes()), indent=2, ensure_ascii=False)
        + "\n"
    )
