"""``jobframe explain``: why a job does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json
from jobframe.cli.session import with_jobs
from jobframe.cli.times import iso
from jobframe.core.shown import printable

if TYPE_CHECKING:
    from jobframe.client import Jobs
    from jobframe.client.explanation import Reason

__all__ = ["explain"]


@click.command(epilog=example("jobframe explain reembed.document:42"))
@click.argument("id")
@as_json
@with_jobs
async def explain(jobs: Jobs, *, id: str, as_json: bool) -> None:
    """
    Tell why the job ID does not run, or what it does instead.

    The first reason is what holds it back now; the others hold too, and are met after it.

    --json prints {"id", "state", "reasons"}, each reason {"code", "text", "until", "held_by"}; code is running,
    cancelling, retry, snoozed, not-due, expired, paused, no-worker, concurrency, resource, group, rate-limit,
    per-worker, full, same-key, behind, next, or the state in which the job ended or was parked; until is when it ends
    by itself, ISO 8601 in UTC or null; held_by lists {"id", "worker", "since"}.
    """
    found = await jobs.explain(id)
    if as_json:
        emit_json({"id": found.id, "state": str(found.state), "reasons": [_document(each) for each in found.reasons]})
        return
    click.echo(printable(f"{found.id} is {found.state}"))
    for reason in found.reasons:
        click.echo(printable(f"- {reason.text}"))


def _document(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "text": reason.text,
        "until": iso(reason.until_ms),
        "held_by": [{"id": each.id, "worker": each.worker, "since": iso(each.since_ms)} for each in reason.held_by],
    }
