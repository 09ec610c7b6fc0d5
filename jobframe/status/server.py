"""The status server: in a thread of its own, with its own loop and connection, so that no handler can silence it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from contextlib import suppress
from threading import Event, Thread

import aiohttp
from aiohttp import web

from jobframe.core.errors import ConfigError, JobframeError, Problem
from jobframe.status.app import create_app
from jobframe.status.listener import listen
from jobframe.status.liveness import Pulse
from jobframe.status.problem import SERVER
from jobframe.status.source import PluginChecks, Source
from jobframe.store.store import Store

__all__ = ["StatusServer"]

START_WITHIN_S = 15.0
STOP_WITHIN_S = 5.0
PROBE_WITHIN_S = 2.0
ASK_LOOP_EVERY_S = 1.0
_log = logging.getLogger(__name__)


class StatusServer:
    """
    Serves ``/healthz``, ``/readyz`` and ``/metrics``.

    Attributes:
        address: ``http://host:port`` while it serves; empty before, and when another jobframe holds the port.

    """

    def __init__(
        self,
        url: str,
        namespace: str = "default",
        *,
        host: str = "127.0.0.1",
        port: int = 8787,
        durability: str = "aof",
        pulse: Pulse | None = None,
        plugin_checks: PluginChecks | None = None,
    ) -> None:
        """
        Prepare; nothing is opened yet.

        Args:
            url: Where the store is, as `connection.parse` reads it.
            namespace: Which set of queues to show.
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            durability: What the configuration asks for.
            pulse: The worker of this process; None when it runs no jobs.
            plugin_checks: Calls the plugins' ``jobframe_health``; it may block.

        """
        self.address = ""
        self._url, self._namespace = url, namespace
        self._host, self._port = host, port
        self._durability, self._pulse, self._plugin_checks = durability, pulse, plugin_checks
        self._thread = Thread(target=self._run, name="jobframe-status", daemon=True)
        self._begun = Event()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> bool:
        """
        Serve from now on.

        Returns:
            False when another jobframe already serves on this port: then this one does nothing.

        Raises:
            ConfigError: The port cannot be had, or the URL means no server.

        """
        self._thread.start()
        if not self._begun.wait(START_WITHIN_S):
            raise JobframeError(f"the status server did not start within {START_WITHIN_S:g} s")
        if self._failure is not None:
            raise self._failure
        return bool(self.address)

    def stop(self) -> None:
        """Close the port and end the thread; doing it twice changes nothing."""
        if self._loop is not None and self._stopping is not None:
            with suppress(RuntimeError):  # its loop has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.ident is not None:
            self._thread.join(STOP_WITHIN_S)
        self.address = ""

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - start() raises it where somebody reads it
            self._failure = error
            if self._begun.is_set():
                _log.error("the status server ended: %s", type(error).__name__)
        finally:
            self._begun.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        store = Store(self._url, self._namespace)
        source = Source(store, durability=self._durability, pulse=self._pulse, plugin_checks=self._plugin_checks)
        runner = web.AppRunner(create_app(source), shutdown_timeout=1.0)
        await runner.setup()
        try:
            socket = await self._listen(runner)
            if socket is not None:
                async with socket:
                    self._begun.set()
                    await self._keep_asking(source, self._stopping)
        finally:
            await runner.cleanup()
            await store.aclose()

    async def _listen(self, runner: web.AppRunner) -> asyncio.Server | None:
        try:
            server = await listen(runner, self._host, self._port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and await _is_jobframe(self._host, self._port):
                _log.info("port %s on %s is served by another jobframe: passed over", self._port, self._host)
                return None
            raise ConfigError(_port_problem(self._host, self._port, error)) from None
        port = server.sockets[0].getsockname()[1]
        self.address = f"http://{_in_url(self._host)}:{port}"
        return server

    @staticmethod
    async def _keep_asking(source: Source, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            source.ask_loop()
            try:
                await asyncio.wait_for(stopping.wait(), ASK_LOOP_EVERY_S)
            except TimeoutError:
                continue


def _port_problem(host: str, port: int, error: OSError) -> Problem:
    if error.errno == errno.EADDRINUSE:
        text = f"port {port} on {host} is held by another program: end it, or choose another port"
    else:
        reason = os.strerror(error.errno).lower() if error.errno else "no such address"
        text = f"cannot listen on {host} port {port}: {reason}"
    return Problem("status.port", text)


async def _is_jobframe(host: str, port: int) -> bool:
    """Ask whoever holds the port who it is."""
    where = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - to ask, not to bind
    timeout = aiohttp.ClientTimeout(total=PROBE_WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{_in_url(where)}:{port}/healthz", allow_redirects=False) as response,
        ):
            return response.headers.get("Server") == SERVER
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
