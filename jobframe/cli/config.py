"""``jobframe config``: the policy in effect and where each value comes from."""

from __future__ import annotations

from typing import Any

import click

from jobframe.cli.history import show_history
from jobframe.cli.invocation import Invocation
from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table
from jobframe.config.check import missing
from jobframe.config.resolve import Resolved, Source
from jobframe.core.errors import ConfigError
from jobframe.project import inspect_project

__all__ = ["config"]


@click.command(epilog=example("jobframe config reembed.document", "jobframe config reembed.document --history"))
@click.argument("type", required=False)
@click.option("--history", is_flag=True, help="Ask the server which policies of TYPE were in force, and who said so.")
@as_json
@click.pass_obj
def config(invocation: Invocation, /, *, type: str | None, history: bool, as_json: bool) -> None:
    """
    Show the policy that jobs.toml gives TYPE, or every type, and where each value comes from.

    What wins: built-in < author's decorator < [defaults] < [jobs.<type>] < environment. Without TYPE only what
    somebody has set is shown.

    --json prints {type: {key: {"value", "origin", "overrides"}}}, every key; values as jobs.toml writes them,
    overrides a list of {"value", "origin"}, the nearest first. With --history it prints a list of {"version", "at",
    "by", "changes"}, the newest first, changes a list of {"key", "before", "after"}; the last 20 are kept.
    """
    if history:
        if type is None:
            raise click.UsageError("--history needs a TYPE")
        show_history(invocation, type, as_json=as_json)
        return
    project, report = inspect_project(invocation.config)
    if report.errors:
        raise ConfigError(*report.errors)
    policies = project.policies
    if type is not None:
        if type not in policies:
            raise missing(type, project.registry.catalog.types, project.registry.plugins)
        policies = {type: policies[type]}
    if as_json:
        emit_json({name: _document(resolved) for name, resolved in policies.items()})
    else:
        emit_table(
            ("type", "key", "value", "from", "overrides"),
            [row for name, resolved in policies.items() for row in _rows(name, resolved, everything=type is not None)],
            empty="No installed plugin declares a job type.",
        )


def _document(resolved: Resolved) -> dict[str, Any]:
    return {
        key: {
            "value": sources[-1].value,
            "origin": sources[-1].origin,
            "overrides": [{"value": source.value, "origin": source.origin} for source in reversed(sources[:-1])],
        }
        for key, sources in resolved.sources.items()
    }


def _rows(name: str, resolved: Resolved, *, everything: bool) -> list[tuple[str, ...]]:
    return [
        (name, key, sources[-1].value, sources[-1].origin, _overrides(sources))
        for key, sources in resolved.sources.items()
        if everything or len(sources) > 1
    ]


def _overrides(sources: tuple[Source, ...]) -> str:
    return ", ".join(f"{source.value} ({source.origin})" for source in reversed(sources[:-1]))
