"""The plugin that the workers of a measurement run: jobs that do nothing, or write down when they did it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

import jobframe

_ledger = os.open(os.environ["BENCH_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_unseen = ["first"]


@attrs.frozen
class Task:
    """
    What every job of a measurement carries.

    Attributes:
        n: Its number; work of `bench.burn` in thousands of additions.
        sent: When it was enqueued, nanoseconds of the machine's monotonic clock.
        text: Ballast.

    """

    n: int = 0
    sent: int = 0
    text: str = ""


def _note(what: str, number: int = 0) -> None:
    """Write a line in one call, so that the lines of many processes never mix."""
    os.write(_ledger, f"{what} {time.monotonic_ns()} {number}\n".encode())


async def _nothing(ctx: jobframe.Context, task: Task) -> None:
    if _unseen:
        _note(_unseen.pop())


@jobframe.job("bench.late")
async def late(ctx: jobframe.Context, task: Task) -> None:
    """Write down how late it is."""
    _note("late", time.monotonic_ns() - task.sent)


@jobframe.job("bench.alone", concurrency=1)
async def alone(ctx: jobframe.Context, task: Task) -> None:
    """Write down start and end of what never runs twice at once."""
    _note("start")
    _note("end")


@jobframe.job("bench.burn", run_in="process")
def burn(ctx: jobframe.Context, task: Task) -> None:
    """Keep a core busy."""
    _note("start", task.n)
    total = 0
    for number in range(1000 * task.n):
        total += number
    _note("end", task.n)


@jobframe.hookimpl
@asynccontextmanager
async def jobframe_lifespan(app: jobframe.App) -> AsyncIterator[None]:
    """Write down what CPU the loop's thread and the whole process had used when the worker began and when it ended."""
    _note_cpu()
    yield
    _note_cpu()


def _note_cpu() -> None:
    _note("loop", time.thread_time_ns())
    _note("process", time.process_time_ns())


@jobframe.hookimpl
def jobframe_job_types() -> list[jobframe.JobType]:
    """As many types that do nothing as the measurement asks for, and those that write."""
    nothing = [jobframe.job(f"bench.t{number:03}")(_nothing) for number in range(int(os.environ["BENCH_TYPES"]))]
    return [*nothing, late, alone, burn]
