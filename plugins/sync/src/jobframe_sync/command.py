"""``jobframe sync SOURCE``: bring the corpus into step with one source now, or show what that would do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

import jobframe
from jobframe_ingest.corpus import Corpus
from jobframe_ingest.settings import IngestSettings
from jobframe_sync.jobs import SyncSource, examine, refusal, sync_source
from jobframe_sync.plan import Plan
from jobframe_sync.settings import SourceSettings, SyncSettings

__all__ = ["sync"]

PATIENCE_S = 1.0
"""After this long a person is told what is waited for."""


@click.command(epilog="Examples: jobframe sync docs --dry-run; jobframe sync docs")
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="List and compare, print the plan, change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.pass_obj
def sync(invocation: Any, source: str, *, dry_run: bool, as_json: bool) -> None:
    """
    Bring the corpus into step with SOURCE, a table [settings.sync.sources.SOURCE] of jobs.toml.

    Enqueues a sync.source job, waits for it, and prints how many documents were added, changed, removed, unchanged and
    how many files were skipped; their ingests go on in the workers.
    """
    config: Path | None = invocation.config
    sources = jobframe.settings("sync", SyncSettings, config=config).sources
    if source not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise click.UsageError(f"no source {source!r} in [settings.sync.sources] of jobs.toml; it names: {known}")
    if dry_run:
        _show_plan(config, source, sources[source], as_json=as_json)
    else:
        _print_counts(source, asyncio.run(_run(config, source)), as_json=as_json)


async def _run(config: Path | None, source: str) -> dict[str, int]:
    async with jobframe.connect(config=config) as jobs:
        handle = await jobs.enqueue(sync_source, SyncSource(source), key=source)
        waiting = asyncio.get_running_loop().call_later(PATIENCE_S, _tell_waiting, handle)
        try:
            counts: dict[str, int] = await handle.result()
        finally:
            waiting.cancel()
        return counts


def _tell_waiting(handle: jobframe.Handle) -> None:
    what = f"{handle.id} is queued" if handle.created else f"{handle.id} was queued before and is waited for"
    click.echo(f"{what}; a worker runs it (jobframe workers lists them; Ctrl-C stops only the waiting)", err=True)


def _show_plan(config: Path | None, source: str, settings: SourceSettings, *, as_json: bool) -> None:
    url = jobframe.settings("ingest", IngestSettings, config=config).corpus
    try:
        corpus = Corpus.open(url, create=False)
    except FileNotFoundError:  # nothing was ingested yet: all is new
        plan, listing = examine(None, source, settings)
    else:
        with closing(corpus):
            plan, listing = examine(corpus, source, settings)
    counts = {**plan.counts(), "skipped": listing.skipped}
    if as_json:
        uris = {"added": sorted(plan.added), "changed": sorted(plan.changed), "removed": sorted(plan.removed)}
        click.echo(json.dumps({"source": source, "refused": refusal(plan, settings), **counts, "uris": uris}, indent=2))
    else:
        _print_uris(plan)
        _print_counts(source, counts, as_json=False)
    if reason := refusal(plan, settings):
        raise click.ClickException(f"source {source}: {reason}")


def _print_uris(plan: Plan) -> None:
    for sign, uris in (("+", plan.added), ("~", plan.changed), ("-", plan.removed)):
        for uri in sorted(uris):
            click.echo(f"{sign} {jobframe.printable(uri)}")


def _print_counts(source: str, counts: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"source": source, **counts}, indent=2))
    else:
        click.echo(f"{source}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
