"""What commands work with: the connected `Jobs` and the installed plugins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

import jobframe
from jobframe.cli.invocation import Invocation
from jobframe.cli.progress import progress
from jobframe.config.reader import examine
from jobframe.registry.loader import load
from jobframe.registry.registry import Registry

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["connected", "load_plugins", "with_jobs"]

T = TypeVar("T")


def connected(invocation: Invocation, body: Callable[[Jobs], Coroutine[Any, Any, T]]) -> T:
    """
    Run *body* with a connected `Jobs`.

    The address comes from jobs.toml or the environment, else it is the running embedded server.

    Raises:
        StoreUnavailable: Nothing answers there.
        UsageError: The client refused an argument.

    """

    async def session() -> T:
        async with jobframe.connect(config=invocation.config) as jobs:
            try:
                return await body(jobs)
            except ValueError as error:
                if type(error) is not ValueError:
                    raise
                raise click.UsageError(str(error)) from None  # how the client refuses an impossible id or option

    return asyncio.run(session())


def with_jobs(body: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a click callback of *body*, an async function whose first argument is a connected `Jobs`."""

    @click.pass_obj
    @wraps(body)
    def callback(invocation: Invocation, /, **options: Any) -> None:
        connected(invocation, lambda jobs: body(jobs, **options))

    return callback


def load_plugins(invocation: Invocation) -> Registry:
    """
    Import the plugins that jobs.toml lets in, however wrong the rest of it is.

    Raises:
        ConfigError: It cannot be told which plugins those are.

    """
    config, _ = examine(invocation.config)
    with progress("Importing plugins"):
        return load(config.plugins.allow, config.plugins.disable)
