"""What a worker looks at before it starts: whether its server is fit to hold jobs."""

from __future__ import annotations

import structlog

from jobframe.core import clock
from jobframe.core.errors import ConfigError, Problem
from jobframe.store import inspect
from jobframe.store.fitness import Concern, concerns
from jobframe.store.rights import demand_rights
from jobframe.store.store import Store

__all__ = ["examine_server", "look"]

_log = structlog.get_logger("jobframe.worker")


async def examine_server(url: str, namespace: str, durability: str, arq_queue: str = "") -> None:
    """
    Warn of what is doubtful about the server at *url*, for jobs of that *durability*, and of *arq_queue* besides.

    Raises:
        ConfigError: It would lose jobs, or cannot run them.
        StoreUnavailable: It cannot be reached or used.

    """
    store = Store(url, namespace)
    try:
        _, found = await look(store, durability, arq_queue)
    finally:
        await store.aclose()
    refusals = [Problem("redis", concern.text) for concern in found if concern.refuses]
    if refusals:
        raise ConfigError(*refusals)
    for concern in found:
        _log.warning(concern.text)


async def look(store: Store, durability: str, arq_queue: str = "") -> tuple[inspect.Snapshot, list[Concern]]:
    """
    Read a namespace and what is wrong with its server.

    Raises:
        ConfigError: The server's access list forbids its user what jobs need.
        StoreUnavailable: The server cannot be reached or used.

    """
    await demand_rights(store, arq_queue)
    before_ms = clock.wall_ms()
    snapshot = await inspect.snapshot(store, "")
    offset_ms = (before_ms + clock.wall_ms()) // 2 - snapshot.now_ms
    return snapshot, list(concerns(snapshot.server, durability, offset_ms))
