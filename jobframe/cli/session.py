"""How a command gets its connected `Jobs`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

import jobframe
from jobframe.cli.invocation import Invocation

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["connected", "with_jobs"]

T = TypeVar("T")


def connected(invocation: Invocation, body: Callable[[Jobs], Coroutine[Any, Any, T]]) -> T:
    """
    Run *body* with a connected `Jobs`.

    The address comes from jobs.toml or the environment, else it is the running embedded server.

    Raises:
        StoreUnavailable: Nothing answers there.

    """

    async def session() -> T:
        async with jobframe.connect(config=invocation.config) as jobs:
            return await body(jobs)

    return asyncio.run(session())


def with_jobs(body: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a click callback of *body*, an async function whose first argument is a connected `Jobs`."""

    @click.pass_obj
    @wraps(body)
    def callback(invocation: Invocation, /, **options: Any) -> None:
        connected(invocation, lambda jobs: body(jobs, **options))

    return callback
