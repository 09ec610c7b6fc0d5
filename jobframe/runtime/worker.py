"""
arq as the host: ``arq jobframe.WorkerSettings`` and ``jobframe worker`` are one path.

arq keeps the process: it makes the loop, turns SIGTERM and SIGINT into cancellations, and answers ``--check``. Its own
loop never has anything to do: its queue is one that nobody writes to, and its client answers without a server, so that
neither an unknown function nor a lost connection can end the process.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import click
from arq.cli import cli as arq_command
from arq.connections import ArqRedis, RedisSettings
from arq.worker import func, run_worker
from redis.asyncio.client import Pipeline

from jobframe.store.check_key import check_key
from jobframe.store.connection import arq_settings, parse

__all__ = [
    "Hosted",
    "IdleRedis",
    "Opener",
    "asked_for",
    "prefer_uvloop",
    "run",
    "under_arqs_command",
    "worker_settings",
]

_UNUSED_QUEUE = "jobframe:unused"
_LAST_WORDS_S = 5.0  # after the drain: an unreachable server must not hold up the end of the process


class Hosted(Protocol):
    """What can live in the host: a `Runtime`, or the `Fleet` that starts several of them."""

    async def start(self) -> None:
        """Get ready to work."""

    async def run(self) -> None:
        """Work until drained; in burst mode until nothing is left to do."""

    async def drain(self, grace_ms: int) -> None:
        """Take nothing new, let what runs end for *grace_ms*, give the rest back."""

    async def give_back(self) -> None:
        """Give everything back at once; a `drain` under way ends by it."""


Opener = Callable[[], AbstractAsyncContextManager[Hosted]]
"""Makes what is hosted, with all it stands on, and takes it down again."""


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
        await _host(opener, grace_ms, burst=burst)

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
    run_worker(settings)


def prefer_uvloop() -> None:
    """Set uvloop's loop as the one that arq's worker will find, where there is uvloop."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    asyncio.set_event_loop(uvloop.new_event_loop())


def under_arqs_command() -> bool:
    """Tell whether this runs under arq's own command line, rather than in somebody's program."""
    context = click.get_current_context(silent=True)
    return context is not None and context.command is arq_command


def asked_for(option: str) -> bool:
    """Tell whether the command line that this runs under, arq's or ours, was given the flag ``--<option>``."""
    context = click.get_current_context(silent=True)
    return bool(context and context.params.get(option))


def _where_check_looks(url: str) -> RedisSettings:
    """Say it in arq's words; on a cluster arq can ask one node only, which may not be the right one."""
    endpoint = parse(url)
    if endpoint.kind == "cluster":
        host, port = endpoint.hosts[0]
        return RedisSettings(host, port, username=endpoint.username, password=endpoint.password, ssl=endpoint.tls)
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


class _Signals:
    """The signals so far: the first asks to end, the second not to wait."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def count(self, number: int) -> None:
        self.asked.set()
        if number > 1:
            self.insisted.set()


async def _host(opener: Opener, grace_ms: int, *, burst: bool) -> None:
    """
    Live inside arq's ``on_startup``: return only when a burst is over, end as cancelled after a signal.

    What is hosted runs in a task of its own that is never cancelled from outside, so that no signal can cut a call to
    the server in two.
    """
    signals, me = _Signals(), asyncio.current_task()
    life = asyncio.create_task(_live(opener, grace_ms, signals))
    while not life.done():
        try:
            await asyncio.shield(life)
        except asyncio.CancelledError:
            signals.count(me.cancelling() if me else 1)  # two that came together raise only once
    life.result()
    if signals.asked.is_set() or not burst:
        raise asyncio.CancelledError


async def _live(opener: Opener, grace_ms: int, signals: _Signals) -> None:
    async with opener() as hosted:
        starting = asyncio.create_task(hosted.start())
        if not await _ends_before(starting, signals.insisted):
            starting.cancel()
            await _end(starting)
            return
        starting.result()
        running = asyncio.create_task(hosted.run())
        await _ends_before(running, signals.asked)
        ending = [running, asyncio.create_task(hosted.drain(grace_ms))]
        if not await _ends_before(ending[-1], signals.insisted):
            ending.append(asyncio.create_task(hosted.give_back()))
        await _end(*ending)


async def _ends_before(task: asyncio.Task[None], signal: asyncio.Event) -> bool:
    waiting = asyncio.create_task(signal.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return task.done()


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Leave *tasks* a moment for their last words to the server, cut off what is late, raise what went wrong."""
    _, late = await asyncio.wait(tasks, timeout=_LAST_WORDS_S)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_LAST_WORDS_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
