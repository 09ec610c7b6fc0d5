"""``jobframe retry``: one job again, or all of a type and state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json
from jobframe.cli.progress import progress
from jobframe.cli.session import with_jobs
from jobframe.core.errors import JobframeError, JobNotFound, StoreUnavailable

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["retry"]

_AGAIN = ("failed", "cancelled", "parked")
_PAGE = 200


@click.command(
    epilog=example(
        "jobframe retry ingest.document:42", "jobframe retry --type ingest.document --state failed --dry-run"
    )
)
@click.argument("id", required=False)
@click.option("--type", metavar="TYPE", help="All jobs of this type.")
@click.option("--state", type=click.Choice(_AGAIN), help="All jobs in this state, together with --type.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@as_json
@with_jobs
async def retry(
    jobs: Jobs, *, id: str | None, type: str | None, state: str | None, dry_run: bool, as_json: bool
) -> None:
    """
    Run the job ID again, or all jobs of a type and state.

    Failed and cancelled jobs start again with their attempts at 0, their history kept; parked ones are released. A
    job is refused while a live job holds its key.

    --json prints {"matched", "retried", "refused"}; refused is a list of {"id", "reason"}.
    """
    if (id is None) == (type is None) or (type is None) != (state is None):
        raise click.UsageError("give either a job's ID, or both --type and --state")
    ids = [found async for found in _matching(jobs, type, state)] if id is None else [(await jobs.job(id)).id]
    retried, refused = (0, []) if dry_run else await _retry_all(jobs, ids)
    if as_json:
        emit_json({"matched": len(ids), "retried": retried, "refused": refused})
    else:
        click.echo(f"{len(ids)} would be retried" if dry_run else f"{retried} retried")
        for refusal in refused:
            click.echo(f"refused {refusal['id']}: {refusal['reason']}", err=True)
    if refused:
        raise click.exceptions.Exit(1)


async def _matching(jobs: Jobs, type: str | None, state: str | None) -> AsyncIterator[str]:
    """Find all before the first is moved: retrying while paging would shift the pages."""
    cursor = None
    with progress("Looking for jobs"):
        while True:
            page = await jobs.jobs(type=type, state=state, cursor=cursor, limit=_PAGE)
            for info in page.jobs:
                yield info.id
            cursor = page.cursor
            if cursor is None:
                return


async def _retry_all(jobs: Jobs, ids: list[str]) -> tuple[int, list[dict[str, str]]]:
    """Retry each; one that is gone meanwhile is passed over, unless it was the one asked for."""
    retried = 0
    refused = []
    with progress("Retrying", total=len(ids)) as bar:
        for job_id in ids:
            try:
                await jobs.retry(job_id)
                retried += 1
            except StoreUnavailable:
                raise
            except JobNotFound:
                if len(ids) == 1:
                    raise
            except JobframeError as error:
                refused.append({"id": job_id, "reason": str(error)})
            bar.advance(1)
    return retried, refused
