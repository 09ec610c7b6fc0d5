"""
arq as the host: ``arq jobframe.WorkerSettings`` and ``jobframe worker`` are one path.

arq keeps the process: it makes the loop, turns SIGTERM and SIGINT into cancellations, and answers ``--check``. Its own
loop never has anything to do: its queue is one that nobody writes to, and its client answers without a server, so that
neither an unknown function nor a lost connection can end the process.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
from typing import Any, Literal

import click
from arq.cli import cli as arq_command
from arq.connections import ArqRedis, RedisSettings
from arq.worker import func, run_worker
from redis.asyncio.client import Pipeline

from jobframe.runtime import logs
from jobframe.runtime.hangup import hold
from jobframe.runtime.hosting import Opener, host
from jobframe.store.check_key import check_key
from jobframe.store.connection import arq_settings, parse

__all__ = [
    "IdleRedis",
    "asked_for",
    "prefer_uvloop",
    "prepare_arqs_process",
    "run",
    "runs_under_arq",
    "worker_settings",
]

_UNUSED_QUEUE = "jobframe:unused"


def worker_settings(opener: Opener, url: str, namespace: str, grace_ms: int, *, burst: bool) -> type:
    """
    Make the class that arq's worker reads; arq sees only what stands in its own ``__dict__``.

    Args:
        opener: Makes what is hosted, once the loop runs.
        url: Where ``--check`` looks whether a worker of this machine is well.
        namespace: Of which namespace.
        grace_ms: How long jobs may go on after the first signal.
        burst: Whether to end when nothing is left to do.

    """

    async def on_startup(_ctx: dict[Any, Any]) -> None:
        await host(opener, grace_ms, burst=burst)

    return type(
        "WorkerSettings",
        (),
        {
            "__doc__": "jobframe's runtime as arq's worker: ``arq jobframe.WorkerSettings``.",
            "functions": [func(_nothing, name="jobframe.runtime")],
            "queue_name": _UNUSED_QUEUE,
            "redis_settings": _where_check_looks(url),
            "redis_pool": IdleRedis(),
            "health_check_key": check_key(namespace),
            "burst": burst,
            "on_startup": on_startup,
        },
    )


def run(settings: type) -> None:
    """Run arq's worker with a class from `worker_settings` until it has drained; its signals are handled here."""
    prefer_uvloop()
    collect_less_often()
    run_worker(settings)


def prefer_uvloop() -> None:
    """Set uvloop's loop as the one that arq's worker will find, where there is uvloop."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    asyncio.set_event_loop(uvloop.new_event_loop())


def collect_less_often() -> None:
    """
    Look for cyclic garbage every 50,000 objects instead of every 700, and never among what a start has imported.

    A job makes some thirty objects, none of them in a cycle; at full speed every tenth of the time went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def runs_under_arq() -> bool:
    """Tell whether this is arq's own command line about to run a worker."""
    context = click.get_current_context(silent=True)
    return context is not None and context.command is arq_command and not context.params.get("check")


def prepare_arqs_process(format: Literal["console", "json"], level: str) -> None:
    """Do for arq's command what ours does: log as configured, but not of a loop that has nothing to do; use uvloop."""
    hold()
    logs.configure(format, level)
    logging.getLogger("arq.worker").addFilter(lambda record: record.levelno > logging.INFO)  # arq sets levels later
    prefer_uvloop()
    collect_less_often()


def asked_for(option: str) -> bool:
    """Tell whether the command line that this runs under, arq's or ours, was given the flag ``--<option>``."""
    context = click.get_current_context(silent=True)
    return bool(context and context.params.get(option))


def _where_check_looks(url: str) -> RedisSettings:
    """Say it in arq's words; on a cluster arq can ask one node only, which may not be the right one."""
    endpoint = parse(url)
    if endpoint.kind == "cluster":
        node, port = endpoint.hosts[0]
        return RedisSettings(node, port, username=endpoint.username, password=endpoint.password, ssl=endpoint.tls)
    return dataclasses.replace(arq_settings(url), conn_retries=0)  # a probe wants an answer now


async def _nothing(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
    """Stand for the function that arq insists on."""


class IdleRedis(ArqRedis):
    """The client of arq's own loop: there is nothing to do, and no connection is made to find that out."""

    async def execute_command(self, *args: Any, **_options: Any) -> Any:
        """Answer that nothing is there."""
        return _nothing_there(args)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - redis-py's
        """Collect commands that all find nothing."""
        return _IdlePipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    async def close(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's
        """Close what was never opened."""
        await self.aclose(close_connection_pool)


class _IdlePipeline(Pipeline):
    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: ARG002, FBT001, FBT002 - redis-py's
        return [_nothing_there(command) for command, _options in self.command_stack]


def _nothing_there(command: tuple[Any, ...]) -> Any:
    return {"INFO": {}, "ZRANGEBYSCORE": []}.get(command[0], 0)
