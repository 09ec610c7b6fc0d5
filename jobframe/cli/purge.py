"""``jobframe purge``: jobs removed for good."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from jobframe.cli.options import duration, example, matching
from jobframe.cli.progress import progress
from jobframe.cli.session import with_jobs
from jobframe.core.job import State

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["purge"]


@click.command(epilog=example("jobframe purge --state failed --type ingest.document --older-than 7d --dry-run"))
@click.option("--type", metavar="TYPE", help="Only jobs of this type.")
@click.option(
    "--state",
    type=click.Choice([str(state) for state in State if state is not State.ACTIVE]),
    required=True,
    help="Only jobs in this state; running ones are cancelled instead.",
)
@click.option(
    "--older-than", metavar="DURATION", callback=duration, help="Only those that ended or came due that long ago."
)
@matching
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_jobs
async def purge(
    jobs: Jobs, *, type: str | None, state: str, older_than: str | None, match: str | None, dry_run: bool, yes: bool
) -> None:
    """
    Remove jobs of a state, with their payloads, results and history, for good.

    A completed job whose id was chosen by its producer stays for ten minutes after its end, so that a repeated
    enqueue does not run it again.
    """
    if dry_run or not yes:
        with progress("Counting jobs"):
            found = await jobs.purge(type, state=state, older_than=older_than, match=match, dry_run=True)
        if dry_run:
            click.echo(f"{found} would be removed")
            return
        _ask(f"Remove {found} {state} jobs for good?")
    with progress("Removing jobs"):
        removed = await jobs.purge(type, state=state, older_than=older_than, match=match)
    click.echo(f"{removed} removed")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: --yes removes without asking, --dry-run only counts")
    click.confirm(question, abort=True)
