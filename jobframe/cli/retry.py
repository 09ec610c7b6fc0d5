"""``jobframe retry``: one job again, or all of a type and state, or those of them that match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobframe.cli.options import as_json, example, matching, rate
from jobframe.cli.output import emit_json
from jobframe.cli.progress import progress
from jobframe.cli.session import with_jobs
from jobframe.client.bulk import Replay
from jobframe.client.search import ENDED_BADLY
from jobframe.core.duration import span
from jobframe.core.errors import JobframeError, JobNotFound, StoreUnavailable

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["retry"]


@click.command(
    epilog=example(
        "jobframe retry ingest.document:42",
        "jobframe retry --type ingest.document --state failed --match TimeoutError --rate 100/m --dry-run",
    )
)
@click.argument("id", required=False)
@click.option("--type", metavar="TYPE", help="All jobs of this type.")
@click.option(
    "--state",
    type=click.Choice([str(state) for state in ENDED_BADLY]),
    help="All jobs in this state, together with --type.",
)
@matching
@click.option("--rate", metavar="RATE", callback=rate, help="Spread when they come due: 100/m, 10/s.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@as_json
@with_jobs
async def retry(
    jobs: Jobs,
    *,
    id: str | None,
    type: str | None,
    state: str | None,
    match: str | None,
    rate: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """
    Run the job ID again, or all jobs of a type and state, or those of them that match.

    Failed and cancelled jobs start again with their attempts at 0, their history kept; parked ones are released. A
    job is refused while a live job holds its key, and skipped when it has left its state meanwhile.

    \b
    --json prints {"matched", "retried", "skipped", "refused", "spread_ms"}; refused is a list of
    {"id", "reason"}, spread_ms how long after the first the last one is due.
    """  # noqa: D301 - the backslash is click's
    if (id is None) == (type is None) or (type is None) != (state is None):
        raise click.UsageError("give either a job's ID, or both --type and --state")
    if id is not None and (match is not None or rate is not None):
        raise click.UsageError("--match and --rate go with --type and --state, not with a job's ID")
    with progress("Counting jobs" if dry_run else "Retrying jobs"):
        if type is not None and state is not None:
            done = await jobs.retry_all(type, state=state, match=match, rate=rate, dry_run=dry_run)
            refused = [{"id": error.id, "reason": str(error)} for error in done.refused]
        else:
            done, refused = await _retry_one(jobs, str(id), dry_run=dry_run)
    if as_json:
        emit_json(
            {
                "matched": done.matched,
                "retried": done.retried,
                "skipped": done.skipped,
                "refused": refused,
                "spread_ms": done.spread_ms,
            }
        )
    else:
        _print(done, refused, dry_run=dry_run)
    if refused:
        raise click.exceptions.Exit(1)


async def _retry_one(jobs: Jobs, id: str, *, dry_run: bool) -> tuple[Replay, list[dict[str, str]]]:
    found = (await jobs.job(id)).id
    if not dry_run:
        try:
            await jobs.retry(found)
        except (JobNotFound, StoreUnavailable):
            raise
        except JobframeError as error:
            return Replay(1), [{"id": found, "reason": str(error)}]
    return Replay(1, retried=0 if dry_run else 1), []


def _print(done: Replay, refused: list[dict[str, str]], *, dry_run: bool) -> None:
    spread = f", the last {span(done.spread_ms)} after the first" if done.spread_ms else ""
    click.echo(f"{done.matched} would be retried{spread}" if dry_run else f"{done.retried} retried{spread}")
    if done.skipped:
        click.echo(f"skipped {done.skipped}: they have left their state meanwhile", err=True)
    for refusal in refused:
        click.echo(f"refused {refusal['id']}: {refusal['reason']}", err=True)
