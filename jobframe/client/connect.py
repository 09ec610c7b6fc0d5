"""The doors of the client: `connect` for asyncio, `connect_sync` for everybody else."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache

from jobframe.client.blocking import SyncJobs, open_blocking
from jobframe.client.jobs import Jobs
from jobframe.config import essentials
from jobframe.core.errors import StoreUnavailable
from jobframe.core.keyring import Keyring
from jobframe.store.embedded import running
from jobframe.store.store import Store

__all__ = ["connect", "connect_sync", "importer", "keyring", "locate"]

_NO_SERVER = "no server in .jobframe: start `jobframe up` here, or set [redis] url in jobs.toml or JOBFRAME_REDIS_URL"


@asynccontextmanager
async def connect(url: str | None = None, *, config: str | os.PathLike[str] | None = None) -> AsyncIterator[Jobs]:
    """
    Open the queues; no plugin is imported, until a type is enqueued by name that no worker ever announced.

    Args:
        url: Where the server is; absent: ``JOBFRAME_REDIS_URL``, ``[redis] url``, the server running in ``.jobframe/``.
        config: The ``jobs.toml`` to read; absent: ``JOBFRAME_CONFIG``, or ``jobs.toml`` here if there is one.

    Raises:
        ConfigError: The configuration cannot be read, or the URL means no server.
        StoreUnavailable: No URL is set and no server runs in ``.jobframe/``.

    """
    store = Store(*locate(url, config), essentials.durability(config))
    jobs = Jobs(store, importer(config), keyring(config))
    try:
        yield jobs
    finally:
        await jobs.aclose()
        await store.aclose()


@contextmanager
def connect_sync(url: str | None = None, *, config: str | os.PathLike[str] | None = None) -> Iterator[SyncJobs]:
    """
    Open the queues for code without an event loop; otherwise like `connect`.

    Raises:
        ConfigError: The configuration cannot be read, or the URL means no server.
        StoreUnavailable: No URL is set and no server runs in ``.jobframe/``.

    """
    with open_blocking(*locate(url, config), essentials.durability(config), importer(config), keyring(config)) as jobs:
        yield jobs


def locate(url: str | None = None, config: str | os.PathLike[str] | None = None) -> tuple[str, str]:
    """
    Find the server's URL and the namespace as `connect` does.

    Raises:
        ConfigError: The configuration cannot be read.
        StoreUnavailable: No URL is set and no server runs in ``.jobframe/``.

    """
    configured, namespace = essentials.locate(config)
    found = url or configured or running()
    if found is None:
        raise StoreUnavailable(_NO_SERVER, acknowledged=False)
    return found, namespace


def importer(config: str | os.PathLike[str] | None = None) -> Callable[[str], None]:
    """
    Return what imports the installed plugin that a job type's first word names, if ``[plugins]`` lets it in.

    By it a producer that has a plugin installed can enqueue the plugin's types before any worker has announced them.
    """

    def import_plugin(type: str) -> None:
        from jobframe.registry.loader import load  # noqa: PLC0415 - most producers never come here

        load(*essentials.importable(config), named=type.partition(".")[0])

    return import_plugin


def keyring(config: str | os.PathLike[str] | None = None) -> Callable[[], Keyring]:
    """Return what reads the keys of this process, once, when they are first asked for."""
    return cache(lambda: essentials.keyring(config))
