"""The composition root: the only module that names concrete parts and puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs
import structlog

from jobframe.config.changes import for_next_start
from jobframe.config.reader import read
from jobframe.config.schema import Config
from jobframe.project import Project, load_plugins, load_project, reload_project
from jobframe.registry.registry import Registry
from jobframe.store.embedded import Embedded
from jobframe.store.endpoint import parse

if TYPE_CHECKING:
    from jobframe.runtime.child import ChildParts
    from jobframe.runtime.hosting import Hosted
    from jobframe.runtime.membership import Plan
    from jobframe.runtime.runtime import Runtime
    from jobframe.status.liveness import Pulse
    from jobframe.status.server import StatusServer

__all__ = ["WorkerSettings", "build_runtime", "open_child", "run_worker", "serve_status", "server"]

_log = structlog.get_logger("jobframe.worker")


@contextmanager
def server(config: Config) -> Iterator[str]:
    """
    Have a server: the one that *config* names, else the embedded one, started here or by whoever runs it already.

    Yields:
        Its URL.

    Raises:
        StoreUnavailable: No server program is installed, or the embedded server does not start.

    """
    if config.redis.url is not None:
        yield config.redis.url
        return
    embedded = Embedded()
    embedded.start()
    try:
        yield embedded.url
    finally:
        embedded.stop()


@contextmanager
def serve_status(
    config: Config, url: str, *, pulse: Pulse | None = None, registry: Registry | None = None
) -> Iterator[StatusServer]:
    """
    Serve ``/healthz``, ``/readyz`` and ``/metrics`` as *config* says.

    Args:
        config: The configuration.
        url: The store's server.
        pulse: The worker of this process; None when it runs no jobs.
        registry: The plugins whose own checks ``/readyz`` shows.

    Yields:
        The server; its ``address`` is empty when another jobframe holds the port and serves the same.

    Raises:
        ConfigError: The port cannot be had.

    """
    from jobframe.status.server import StatusServer  # noqa: PLC0415 - aiohttp costs what most commands never need

    status = StatusServer(
        url,
        config.redis.namespace,
        host=config.status.host,
        port=config.status.port,
        durability=config.runtime.durability,
        pulse=pulse,
        plugin_checks=registry.health if registry else None,
    )
    status.start()
    try:
        yield status
    finally:
        status.stop()


def build_runtime(project: Project, url: str, *, burst: bool = False) -> Runtime:
    """
    Make a worker for the types of *project*, in a running loop; nothing is connected yet.

    Args:
        project: Configuration, plugins and policies.
        url: Where the server is.
        burst: Whether it ends when nothing is left to do.

    """
    from jobframe.runtime.children import Children  # noqa: PLC0415 - only a worker needs these
    from jobframe.runtime.runtime import Parts, Runtime  # noqa: PLC0415

    config = project.config
    parts = Parts(
        url=url,
        namespace=config.redis.namespace,
        durability=config.runtime.durability,
        plan=_plan(project),
        reread=_Reread(project),
        settings=project.settings,
        observers=project.registry,
        threads=config.runtime.threads,
        children=Children(config.runtime.children, open_child, config, project.only, url),
        keyring=config.keyring,
        burst=burst,
        arq_queue="" if parse(url).kind == "cluster" else config.arq.queue,
    )
    return Runtime(parts)


def _plan(project: Project) -> Plan:
    """Say what a worker for the types of *project* brings into the fleet."""
    from jobframe.runtime.membership import Plan  # noqa: PLC0415 - only a worker needs it

    config, types = project.config, project.registry.catalog.types
    return Plan(
        types={name: (types[name], resolved.policy) for name, resolved in project.policies.items()},
        apply=config.runtime.policy == "apply",
        file=config.fingerprint or "no file",
        edited_ms=config.edited_ms,
        max_jobs=config.runtime.max_jobs,
        lease_ms=config.runtime.lease_ms,
        version=version("jobframe"),
        schedules=project.schedules,
    )


class _Reread:
    """Reads the configuration of a running worker again."""

    def __init__(self, project: Project) -> None:
        self._started_with = project
        self._told: list[str] = []

    def __call__(self) -> Plan:
        """
        Return what the worker brings into the fleet by now, and say once what else has changed.

        Raises:
            ConfigError: With everything that is wrong in the file and the environment.
            PluginError: The file needs a plugin that is not loaded.

        """
        project = reload_project(self._started_with)
        keys = for_next_start(self._started_with.config, project.config)
        if keys and keys != self._told:
            _log.warning("changed in jobs.toml, but only a restart takes it over", keys=keys)
        self._told = keys
        return attrs.evolve(_plan(project), lease_ms=self._started_with.config.runtime.lease_ms)


def open_child(config: Config, types: Collection[str], url: str) -> ChildParts:
    """
    Put together what a child process of a worker needs; it is called in the child.

    Args:
        config: What the worker started with: the file may be another by now, or broken.
        types: The job types that the worker is limited to; empty is all.
        url: Where the server is.

    """
    from jobframe.runtime import logs  # noqa: PLC0415 - only a child needs these
    from jobframe.runtime.child import ChildParts  # noqa: PLC0415

    project = load_plugins(config, types)
    logs.configure(config.logging.format, config.logging.level)
    return ChildParts(
        types=project.registry.catalog.types,
        lifespans=project.registry.lifespans,
        settings=project.settings,
        url=url,
        namespace=config.redis.namespace,
        durability=config.runtime.durability,
        keyring=config.keyring,
    )


def run_worker(
    project: Project,
    url: str,
    *,
    burst: bool = False,
    processes: int | None = None,
    status: bool = True,
    on_status: Callable[[str], None] | None = None,
) -> None:
    """
    Run a worker, or the parent of several, until it has drained; SIGTERM and SIGINT are handled here.

    Args:
        project: Configuration, plugins and policies.
        url: Where the server is.
        burst: Whether to end when nothing is left to do.
        processes: How many workers; None is what the configuration says.
        status: Whether to serve the status pages.
        on_status: Told their address, or an empty one when another jobframe holds the port and serves the same.

    Raises:
        StoreUnavailable: The server cannot be reached or used at the start.
        ConfigError: The status port cannot be had.

    """
    from jobframe.runtime.worker import run, worker_settings  # noqa: PLC0415 - only a worker needs arq

    config, count = project.config, processes or project.config.runtime.processes

    def opener() -> AbstractAsyncContextManager[Hosted]:
        return _worker(project, url, count, burst=burst, status=status, on_status=on_status)

    run(worker_settings(opener, url, config.redis.namespace, config.runtime.grace_ms, burst=burst))


@asynccontextmanager
async def _worker(
    project: Project,
    url: str,
    processes: int,
    *,
    burst: bool,
    status: bool = True,
    on_status: Callable[[str], None] | None = None,
) -> AsyncIterator[Hosted]:
    """Put a worker together, or the parent of several, with the status server beside it."""
    from jobframe.runtime.fleet import Fleet, member_command  # noqa: PLC0415 - only a worker needs these
    from jobframe.runtime.startup import examine_server  # noqa: PLC0415
    from jobframe.runtime.watchdog import Watchdog  # noqa: PLC0415
    from jobframe.runtime.well_sign import WellSign  # noqa: PLC0415
    from jobframe.status.liveness import Pulse  # noqa: PLC0415

    config = project.config
    await examine_server(url, config.redis.namespace, config.runtime.durability, config.arq.queue)
    lease_ms, beside = project.config.runtime.lease_ms, ExitStack()
    hosted: Hosted
    if processes > 1:
        hosted = Fleet(member_command(project.config.path, project.only, burst=burst), processes, burst=burst)
        pulse = None
    else:
        runtime = build_runtime(project, url, burst=burst)
        loop = asyncio.get_running_loop()
        hosted = WellSign(runtime, lease_ms)
        beside.enter_context(Watchdog(runtime, loop))
        pulse = Pulse(loop, lease_ms, lambda: round(1000 * runtime.membership.silent_s()))
    with beside:
        if status:
            served = serve_status(project.config, url, pulse=pulse, registry=project.registry)
            address = beside.enter_context(served).address
            if on_status is not None:
                on_status(address)
        yield hosted


WorkerSettings: type
"""What ``arq jobframe.WorkerSettings`` runs: made when it is asked for, because it needs the configuration."""


def __getattr__(name: str) -> Any:
    """Make `WorkerSettings`; nothing is started or imported by it that its use does not need."""
    if name != "WorkerSettings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobframe.runtime import worker  # noqa: PLC0415 - only a worker needs arq

    config, burst = read(), worker.asked_for("burst")

    @asynccontextmanager
    async def opener() -> AsyncIterator[Hosted]:
        project = load_project()
        with server(project.config) as url:
            async with _worker(project, url, project.config.runtime.processes, burst=burst) as hosted:
                yield hosted

    if worker.runs_under_arq():
        worker.prepare_arqs_process(config.logging.format, config.logging.level)
    url = config.redis.url or Embedded().url
    return worker.worker_settings(opener, url, config.redis.namespace, config.runtime.grace_ms, burst=burst)
