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
from jobframe.wiring import serve_status, server

__all__ = ["serve"]


@click.command(epilog=example("jobframe serve"))
@click.pass_obj
def serve(invocation: Invocation, /) -> None:
    """
    Serve /healthz, /readyz and /metrics, without running any job.

    Without a URL in jobs.toml or the environment it starts the embedded server, or uses the running one. Ctrl-C or
    SIGTERM stops it.
    """
    config = read(invocation.config)
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
