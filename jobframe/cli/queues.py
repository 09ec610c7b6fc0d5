"""``jobframe pause`` and ``resume``: whole queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobframe.cli.options import example
from jobframe.cli.session import with_jobs

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["pause", "resume"]


@click.command(epilog=example("jobframe pause ingest.document"))
@click.argument("type")
@with_jobs
async def pause(jobs: Jobs, *, type: str) -> None:
    """
    Stop starting jobs of TYPE in every worker.

    Running jobs go on, new ones are accepted and wait.
    """
    await jobs.pause(type)
    click.echo(f"paused {type}: jobframe resume {type} lets it go on")


@click.command(epilog=example("jobframe resume ingest.document"))
@click.argument("type")
@with_jobs
async def resume(jobs: Jobs, *, type: str) -> None:
    """Start jobs of the paused TYPE again."""
    await jobs.resume(type)
    click.echo(f"resumed {type}")
