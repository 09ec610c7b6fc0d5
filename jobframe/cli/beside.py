"""A thread beside the worker of ``jobframe up``, with a client of its own: it tells what happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

import jobframe
from jobframe.cli.invocation import Invocation
from jobframe.core.errors import JobframeError, StoreUnavailable

__all__ = ["Script", "beside", "counts_line", "follow", "say"]

Script = Callable[["jobframe.SyncJobs", threading.Event], None]
"""What the thread does, given a client and an event that is set when the worker has ended."""

_EVERY_S = 2.0
_END_WITHIN_S = 10.0


def say(topic: str, text: str) -> None:
    """Print one line of the story: what it is about, then what happened."""
    click.echo(f"{topic:<10} {text}")


@contextmanager
def beside(invocation: Invocation, url: str, script: Script) -> Iterator[Callable[[], None]]:
    """
    Run *script* in a thread while the block runs.

    Yields:
        A function to call when the script may begin.

    Raises:
        JobframeError: The script failed; said at once, raised at the end of the block.

    """
    begun, ended = threading.Event(), threading.Event()
    failures: list[JobframeError] = []

    def run() -> None:
        begun.wait()
        if ended.is_set():
            return
        try:
            with jobframe.connect_sync(url, config=invocation.config) as jobs:
                script(jobs, ended)
        except JobframeError as error:
            say("failed", str(error))
            failures.append(error)

    thread = threading.Thread(target=run, name="jobframe-up", daemon=True)
    thread.start()
    try:
        yield begun.set
    finally:
        ended.set()
        begun.set()
        thread.join(_END_WITHIN_S)
    if failures:
        raise failures[0]


def follow(jobs: jobframe.SyncJobs, ended: threading.Event) -> None:
    """Print the counts whenever they have changed, at most every two seconds, until *ended*."""
    told = ""
    while not ended.wait(_EVERY_S):
        try:
            line = counts_line(jobs.counts())
        except StoreUnavailable as error:
            line = str(error)
        if line != told:
            say("counts", line)
            told = line


def counts_line(counts: Mapping[str, int]) -> str:
    """Write the counts that are not 0."""
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing yet"
