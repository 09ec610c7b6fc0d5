"""``jobframe types`` and ``plugins``: who provides what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.progress import progress
from jobframe.cli.session import connected, load_plugins
from jobframe.core.errors import ConfigError, StoreUnavailable
from jobframe.registry.registry import Registry
from jobframe.store import inspect

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["plugins", "types"]


@click.command(epilog=example("jobframe plugins"))
@as_json
@click.pass_obj
def plugins(invocation: Invocation, /, *, as_json: bool) -> None:
    """
    Show the installed plugins: version, state, import time, job types, and why one is not loaded.

    --json prints a list of {"name", "distribution", "version", "state", "import_ms", "types", "error"}; state is
    loaded, disabled (by jobs.toml), incompatible (with this jobframe) or failed.
    """
    states = load_plugins(invocation).plugins
    if as_json:
        emit_json(
            [
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "state": plugin.state,
                    "import_ms": plugin.import_ms,
                    "types": list(plugin.types),
                    "error": plugin.error,
                }
                for plugin in states
            ]
        )
        return
    emit_table(
        ("plugin", "distribution", "version", "state", "#import", "types", "error"),
        [
            (
                plugin.name,
                plugin.distribution,
                plugin.version,
                plugin.state,
                f"{plugin.import_ms}ms" if plugin.import_ms else "-",
                ", ".join(plugin.types) or "-",
                plugin.error,
            )
            for plugin in states
        ],
        empty="No plugin is installed.",
    )


@click.command(epilog=example("jobframe types"))
@as_json
@click.pass_obj
def types(invocation: Invocation, /, *, as_json: bool) -> None:
    """
    Show the job types: those of the installed plugins and, when a server answers, those that workers announced.

    --json prints a list of {"type", "version", "distribution", "run_in", "fields", "restricted", "workers",
    "paused"}. distribution and run_in are null for a type that is not installed here, workers (how many live ones run
    it) and paused are null when no server answers.
    """
    registry = load_plugins(invocation)
    found = {name: _installed(registry, name) for name in registry.catalog.types}
    _add_announced(invocation, found)
    documents = [found[name] for name in sorted(found)]
    if as_json:
        emit_json(documents)
    else:
        emit_table(
            ("type", "#version", "provided by", "runs in", "fields", "#workers", "note"),
            [_row(document) for document in documents],
            empty="No installed plugin declares a job type, and none was announced.",
        )
    for plugin in registry.plugins:
        if plugin.state in ("failed", "incompatible"):
            click.echo(f"plugin {plugin.name} is {plugin.state}: {plugin.error}", err=True)


def _installed(registry: Registry, name: str) -> dict[str, Any]:
    job_type = registry.catalog.types[name]
    return {
        "type": name,
        "version": job_type.version,
        "distribution": registry.catalog.owner(name),
        "run_in": job_type.policy["run_in"],
        "fields": list(job_type.shape.fields),
        "restricted": list(job_type.shape.restricted),
        "workers": None,
        "paused": None,
    }


def _add_announced(invocation: Invocation, found: dict[str, dict[str, Any]]) -> None:
    """Add what a running server knows; there may be none, and then there is nothing to add."""

    async def ask(jobs: Jobs) -> tuple[tuple[inspect.TypeInfo, ...], tuple[inspect.WorkerStats, ...]]:
        return await inspect.types(jobs.store), await inspect.workers(jobs.store)

    try:
        with progress("Asking the server"):
            announced, workers = connected(invocation, ask)
    except (StoreUnavailable, ConfigError):
        return
    for document in found.values():
        document |= {"workers": 0, "paused": False}
    for each in announced:
        document = found.setdefault(each.type, _elsewhere(each))
        document["workers"] = sum(worker.alive and each.type in worker.member.types for worker in workers)
        document["paused"] = each.paused is not None


def _elsewhere(each: inspect.TypeInfo) -> dict[str, Any]:
    return {
        "type": each.type,
        "version": each.in_force.payload_version,
        "distribution": None,
        "run_in": None,
        "fields": list(each.in_force.fields),
        "restricted": list(each.in_force.restricted),
    }


def _row(document: dict[str, Any]) -> tuple[str, ...]:
    return (
        document["type"],
        str(document["version"]),
        document["distribution"] or "not installed here",
        document["run_in"] or "-",
        ", ".join(document["fields"]) or "-",
        "-" if document["workers"] is None else str(document["workers"]),
        "paused" if document["paused"] else "",
    )
