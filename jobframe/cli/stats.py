"""``jobframe stats``: how the queues are doing, once or live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import click

from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table, is_terminal, rich_table
from jobframe.cli.session import with_jobs
from jobframe.core.duration import span
from jobframe.core.histogram import percentile
from jobframe.status.metrics import metrics
from jobframe.store import inspect
from jobframe.store.stats import Snapshot, TypeStats

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["stats"]

_EVERY_S = 1.0
_COLUMNS = (
    "type", "#active", "#waiting", "#delayed", "#failed", "#parked", "#completed", "#success", "#wait p95", "#run p95",
    "#oldest", "#done/s", "note",
)  # fmt: skip
_EMPTY = "No job type was ever announced: start a worker with jobframe worker."


@click.command(epilog=example("jobframe stats --watch"))
@click.option("--watch", is_flag=True, help="Go on, once a second, until Ctrl-C.")
@as_json
@with_jobs
async def stats(jobs: Jobs, *, watch: bool, as_json: bool) -> None:
    """
    Show counts, waits and rates per type.

    Active to parked are jobs now; completed counts since the beginning; success is completed jobs as a share of
    completed and failed ones; the percentiles cover this hour and the one before; done/s is measured while watching.

    --json prints what GET /metrics answers: {"jobs", "types", "workers", "totals"}; with --watch one document a line.
    """
    with suppress(asyncio.CancelledError) if watch else nullcontext():  # Ctrl-C is how watching ends
        await _show(jobs, watch=watch, as_json=as_json)


async def _show(jobs: Jobs, *, watch: bool, as_json: bool) -> None:
    if as_json:
        async for now, _ in _readings(jobs, watch=watch):
            emit_json(metrics(now), one_line=watch)
    elif watch and is_terminal():
        await _watch(jobs)
    else:
        async for now, before in _readings(jobs, watch=watch):
            emit_table(_COLUMNS, _rows(now, before), empty=_EMPTY)


async def _watch(jobs: Jobs) -> None:
    from rich.live import Live  # noqa: PLC0415 - only here

    with Live(auto_refresh=False, screen=True) as live:
        async for now, before in _readings(jobs, watch=True):
            rows = _rows(now, before)
            live.update(rich_table(_COLUMNS, rows) if rows else _EMPTY, refresh=True)


async def _readings(jobs: Jobs, *, watch: bool) -> AsyncIterator[tuple[Snapshot, Snapshot | None]]:
    """Each reading with the one before it."""
    before = None
    while True:
        now = await inspect.snapshot(jobs.store)
        yield now, before
        if not watch:
            return
        before = now
        await asyncio.sleep(_EVERY_S)


def _rows(now: Snapshot, before: Snapshot | None) -> list[tuple[str, ...]]:
    earlier = {each.type: each for each in before.types} if before else {}
    elapsed_s = (now.now_ms - before.now_ms) / 1000 if before else 0
    return [_row(each, earlier.get(each.type), elapsed_s) for each in now.types]


def _row(each: TypeStats, before: TypeStats | None, elapsed_s: float) -> tuple[str, ...]:
    counts = [str(each.counts[name]) for name in ("active", "waiting", "delayed", "failed", "parked", "completed")]
    rate = (each.counts["completed"] - before.counts["completed"]) / elapsed_s if before and elapsed_s > 0 else None
    return (
        each.type,
        *counts,
        "-" if each.success_rate is None else f"{each.success_rate:.1%}",
        _percentile(each.waits),
        _percentile(each.runs),
        span(each.oldest_waiting_ms),
        "-" if rate is None else f"{rate:.1f}",
        _note(each),
    )


def _percentile(histogram: Mapping[int, int]) -> str:
    found = percentile(histogram, 0.95)
    return span(None if found is None else round(found))


def _note(each: TypeStats) -> str:
    if each.paused:
        return "paused"
    return "" if each.limit is None else f"{each.counts['active']} of {each.limit} slots"
