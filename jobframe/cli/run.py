"""``jobframe serve`` and ``worker``: what runs until it is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import example
from jobframe.config.reader import read
from jobframe.core.errors import UnknownJobType
from jobframe.project import load_project
from jobframe.runtime import logs
from jobframe.runtime.hangup import hold
from jobframe.wiring import run_worker, serve_status, server

__all__ = ["serve", "worker"]


@click.command(epilog=example("jobframe worker --processes 4", "jobframe worker --type ingest.document --burst"))
@click.option("--processes", type=click.IntRange(1, 1000), help="Worker processes, instead of what jobs.toml says.")
@click.option("--burst", is_flag=True, help="End when nothing is left to do.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Run only this type; may be given several times.")
@click.option("--no-status", is_flag=True, help="Serve no status pages.")
@click.pass_obj
def worker(
    invocation: Invocation, /, *, processes: int | None, burst: bool, types: tuple[str, ...], no_status: bool
) -> None:
    """
    Run jobs until stopped.

    Without a URL in jobs.toml or the environment it starts the embedded server, or uses the running one. SIGTERM and
    Ctrl-C let running jobs finish for the grace of jobs.toml, then give the rest back; a second one gives back at
    once. SIGHUP has it read jobs.toml again and put its policies in force. With several processes this one runs no
    jobs: it keeps the others running.
    """
    hold()
    try:
        project = load_project(invocation.config, types=types)
    except UnknownJobType as error:
        raise click.UsageError(str(error)) from None
    logs.configure(project.config.logging.format, project.config.logging.level)
    with server(project.config) as url:
        run_worker(project, url, burst=burst, processes=processes, status=not no_status, on_status=_tell_status)


def _tell_status(address: str) -> None:
    text = f"{address}/metrics" if address else "served by another jobframe on this port: passed over"
    click.echo(f"status     {text}", err=True)


@click.command(epilog=example("jobframe serve"))
@click.pass_obj
def serve(invocation: Invocation, /) -> None:
    """
    Serve /healthz, /readyz and /metrics, without running any job.

    Without a URL in jobs.toml or the environment it starts the embedded server, or uses the running one. Ctrl-C or
    SIGTERM stops it.
    """
    config = read(invocation.config)
    logs.configure(config.logging.format, config.logging.level)
    with server(config) as url, serve_status(config, url) as status, _stop_signal() as stopped:
        if not status.address:
            where = f"{config.status.host} port {config.status.port}"
            raise click.ClickException(f"another jobframe serves on {where} already: [status] port chooses another")
        click.echo(f"status     {status.address}/metrics  (Ctrl-C stops)")
        stopped.wait()


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event while the block runs."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
