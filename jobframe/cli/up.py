"""``jobframe up``: embedded server, worker, status server and what the plugins start with, told line by line."""

from __future__ import annotations

import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path

import click

import jobframe
from jobframe.cli.beside import Script, beside, follow, say
from jobframe.cli.demo import FOLDER, Demo
from jobframe.cli.failures import OK
from jobframe.cli.invocation import Invocation
from jobframe.cli.options import example
from jobframe.cli.progress import progress
from jobframe.cli.schedules import next_slot
from jobframe.cli.sources import copy_local_sources
from jobframe.config.reader import read
from jobframe.core.errors import JobframeError
from jobframe.project import Project, load_project
from jobframe.runtime import logs
from jobframe.runtime.hangup import hold
from jobframe.store.embedded import DATA_DIR
from jobframe.store.endpoint import parse
from jobframe.wiring import run_worker, server

__all__ = ["up"]

_GOES_ON = "Ctrl-C stops all; jobframe stats --watch in another terminal shows it at work"
_ENDS = "ends by itself when the documents are embedded"


@click.command(epilog=example("jobframe up", "jobframe up --once"))
@click.option("--once", is_flag=True, help="Tell the way of a document on a copy of the sources, then end.")
@click.pass_obj
def up(invocation: Invocation, /, *, once: bool) -> None:
    """
    Run all in one: embedded server (unless a URL is set), worker and status server.

    The plugins have their first jobs enqueued: sync brings in its sources. Ctrl-C stops all. With --once it copies
    jobs.toml and the sources that are folders here to .jobframe/once and goes on there: it syncs, embeds, changes a
    document, syncs again, shows how many chunks each sync embedded and what a search finds before and after, and ends.
    """
    if not once:
        _run(invocation, _start_and_follow, _GOES_ON)
        return
    with _copies(invocation) as folders:
        _run(invocation, lambda _: _tell_once(invocation, folders), _ENDS)


@contextmanager
def _copies(invocation: Invocation) -> Iterator[Mapping[str, Path]]:
    """Go on in the folder of the copies, with the copied jobs.toml."""
    folders = copy_local_sources(read(invocation.config), FOLDER)
    say("copies", f"of {', '.join(map(str, folders.values()))} in {FOLDER}: all that follows happens there")
    with chdir(FOLDER):
        invocation.config = Path("jobs.toml")
        yield folders


def _run(invocation: Invocation, make_script: Callable[[Project], Script], how_long: str) -> None:
    hold()
    say("python", f"{platform.python_version()}, jobframe {jobframe.__version__}")
    with progress("Importing plugins"):
        project = load_project(invocation.config)
    logs.configure(project.config.logging.format, project.config.logging.level)
    say("config", str(project.config.path or "none: every key has its default; jobframe init writes one"))
    with server(project.config) as url:
        _introduce(project, url)
        with beside(invocation, url, make_script(project)) as begin:

            def on_status(address: str) -> None:
                say("status", f"{address}/metrics" if address else "served by another jobframe on this port already")
                say("worker", how_long)
                begin()

            run_worker(project, url, on_status=on_status)


def _introduce(project: Project, url: str) -> None:
    own = project.config.redis.url
    say("server", f"embedded, its data in {DATA_DIR}" if own is None else parse(url).address)
    for plugin in project.registry.plugins:
        why = f": {plugin.error}" if plugin.error else ""
        say("plugin", f"{plugin.name} {plugin.version} {plugin.state}{why}")
    say("types", ", ".join(project.policies) or "none: install a plugin, such as jobframe-ingest")
    for schedule in project.schedules:
        say("schedule", f"{schedule.name}: {schedule.job} {schedule.timing}, next {next_slot(schedule)}")


def _start_and_follow(project: Project) -> Script:
    def script(jobs: jobframe.SyncJobs, ended: threading.Event) -> None:
        for job in project.registry.start_jobs(jobframe.App(project.settings)):
            (handle,) = jobs.enqueue_many([job])
            say("enqueued", handle.id if handle.created else f"{handle.id} was there already")
        follow(jobs, ended)

    return script


def _tell_once(invocation: Invocation, folders: Mapping[str, Path]) -> Script:
    def search(question: str) -> None:
        from jobframe.cli.main import run  # noqa: PLC0415 - main imports commands only when they are used

        if run(["--config", str(invocation.config), "search", question, "--limit", "2"]) != OK:
            raise JobframeError("jobframe search failed")

    def script(jobs: jobframe.SyncJobs, ended: threading.Event) -> None:
        try:
            Demo(jobs, ended, folders).tell(search)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # as Ctrl-C would: the worker drains, the server ends

    return script
