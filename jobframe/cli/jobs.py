"""``jobframe list``, ``show`` and ``cancel``: jobs one by one, their payloads left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from jobframe.cli.documents import group_document, job_document
from jobframe.cli.options import as_json, example, matching
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.session import with_jobs
from jobframe.cli.times import ago, iso
from jobframe.core import clock
from jobframe.core.duration import span
from jobframe.core.job import JobInfo, State
from jobframe.core.shown import printable

if TYPE_CHECKING:
    from jobframe.client import Jobs
    from jobframe.client.search import Groups

__all__ = ["STATES", "cancel", "list_jobs", "show"]

_LONGEST_REASON = 80

STATES = click.Choice([str(state) for state in State])


@click.command("list", epilog=example("jobframe list --type reembed.document --state failed"))
@click.option("--type", metavar="TYPE", help="Only jobs of this type.")
@click.option("--state", type=STATES, help="Only jobs in this state.")
@matching
@click.option("--group", is_flag=True, help="Count jobs by what they ended of, failed ones without --state.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Jobs a page.")
@click.option("--cursor", metavar="TEXT", help="Go on where the last page ended.")
@as_json
@with_jobs
async def list_jobs(
    jobs: Jobs,
    *,
    type: str | None,
    state: str | None,
    match: str | None,
    group: bool,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """
    List jobs, one page at a time: waiting, delayed and active ones soonest first, ended ones newest first.

    With --match a page ends after 10,000 jobs were looked at, though it may be short; --group looks at the 10,000
    newest.

    --json prints {"jobs": [...], "cursor", "scanned", "complete"}: each job as in jobframe show --json, the cursor of
    the next page, null after the last, how many jobs were looked at, and whether that was all. With --group it prints
    {"groups": [...], "scanned", "complete"}: each {"fingerprint", "error", "message", "count", "types", "first_at",
    "last_at", "newest"}, the largest first.
    """
    if group:
        if cursor is not None:
            raise click.UsageError("--group looks at the newest jobs: it takes no --cursor")
        _emit_groups(await jobs.groups(type, state or State.FAILED, match), as_json=as_json)
        return
    page = await jobs.find(type, state, match, cursor, limit)
    if as_json:
        documents = [job_document(info) for info in page.jobs]
        emit_json({"jobs": documents, "cursor": page.cursor, "scanned": page.scanned, "complete": page.complete})
        return
    now_ms = clock.wall_ms()
    emit_table(
        ("id", "state", "#attempts", "when", "reason"),
        [_row(info, now_ms) for info in page.jobs],
        empty="No job matches.",
    )
    if page.cursor:
        click.echo(f"More with --cursor {page.cursor}", err=True)


def _emit_groups(found: Groups, *, as_json: bool) -> None:
    if as_json:
        documents = [group_document(group) for group in found.groups]
        emit_json({"groups": documents, "scanned": found.scanned, "complete": found.complete})
        return
    now_ms = clock.wall_ms()
    emit_table(
        ("fingerprint", "#jobs", "types", "last", "error"),
        [
            (
                group.cause.fingerprint,
                str(group.count),
                ", ".join(group.types),
                ago(group.last_ms, now_ms),
                str(group.cause)[:_LONGEST_REASON],
            )
            for group in found.groups
        ],
        empty="No job matches.",
    )
    if not found.complete:
        click.echo(f"Only the {found.scanned} newest were looked at; --type or --match narrows it down.", err=True)


def _row(info: JobInfo, now_ms: int) -> tuple[str, ...]:
    reason = info.reason or (f"{info.errors[-1].error}: {info.errors[-1].message}" if info.errors else "")
    shortened = reason.partition("\n")[0][:_LONGEST_REASON]
    return (info.id, str(info.state), str(info.attempts), ago(info.since_ms, now_ms), shortened)


@click.command(epilog=example("jobframe show reembed.document:42"))
@click.argument("id")
@click.option("--result", is_flag=True, help="Show the result too; it may hold data of your documents.")
@as_json
@with_jobs
async def show(jobs: Jobs, *, id: str, result: bool, as_json: bool) -> None:
    """
    Show everything known of the job ID but its payload.

    --json prints {"id", "type", "state", "enqueued_at", "due_at", "started_at", "finished_at", "worker", "attempts",
    "crashes", "interrupts", "snoozes", "reason", "fingerprint", "progress", "steps", "retried_at", "retried_by",
    "errors"}, with --result also "result"; times are ISO 8601 in UTC or null, jobs that ended of the same have the
    same fingerprint, progress is {"done", "total", "note", "at"} or null, steps lists the names of those that are not
    done again, errors is a list of {"attempt", "at", "worker", "run_ms", "error", "message", "trace"}.
    """
    handle = await jobs.job(id)
    info = await handle.info()
    document = job_document(info)
    if result:
        document["result"] = await handle.result() if info.state is State.COMPLETED else None
    if as_json:
        emit_json(document)
    else:
        _print_job(info, document)


def _print_job(info: JobInfo, document: dict[str, Any]) -> None:
    now_ms = clock.wall_ms()
    facts = {
        "id": info.id,
        "state": f"{info.state} ({info.reason})" if info.reason else str(info.state),
        "enqueued": _when(info.enqueued_ms, now_ms),
        "due": _when(info.due_ms, now_ms),
        "started": _when(info.started_ms, now_ms),
        "finished": _when(info.finished_ms, now_ms),
        "worker": info.worker,
        "progress": _progress(info, now_ms),
        "steps": ", ".join(info.steps) or None,
        "retried": info.retried_ms and f"{_when(info.retried_ms, now_ms)} by {info.retried_by}",
        "attempts": f"{info.attempts} failed, {info.crashes} crashed, {info.interrupts} interrupted, "
        f"{info.snoozes} snoozed",
        "group": document["fingerprint"],
        "result": json.dumps(document["result"], ensure_ascii=False) if "result" in document else None,
    }
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name:<9} {printable(value)}")
    for error in info.errors:
        click.echo(
            f"\nattempt {error.attempt}, {ago(error.at_ms, now_ms)} after {span(error.run_ms)} on {error.worker}"
        )
        click.echo(printable(f"  {error.error}: {error.message}"))
        for frame in error.trace:
            click.echo(printable(f"    {frame}"))


def _progress(info: JobInfo, now_ms: int) -> str | None:
    return None if info.progress is None else f"{info.progress} ({ago(info.progress.at_ms, now_ms)})"


def _when(ms: int | None, now_ms: int) -> str | None:
    return None if ms is None else f"{ago(ms, now_ms)} ({iso(ms)})"


@click.command(epilog=example("jobframe cancel ingest.document:42 --reason 'wrong source'"))
@click.argument("id")
@click.option("--reason", metavar="TEXT", default="", help="Kept with the job.")
@with_jobs
async def cancel(jobs: Jobs, *, id: str, reason: str) -> None:
    """
    Cancel the job ID.

    A waiting or delayed job is cancelled at once. A running one is told to stop and is cancelled when its handler
    has really ended. One that has completed or failed stays as it is: exit 1.
    """
    state = await jobs.cancel(id, reason)
    if state is State.ACTIVE:
        click.echo(f"asked {id} to stop: it is running")
    elif state is State.CANCELLED:
        click.echo(f"cancelled {id}")
    else:
        raise click.ClickException(f"{id} has already ended: it is {state}")
