"""A way to a server that loses answers, holds them back, or is closed: what a network does, when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from jobframe.core import ids
from tests import timeline

SCRIPT = b"EVAL"
"""Scripts are what is disturbed; greetings and subscriptions go through."""

MOST_AT_ONCE = 4_096
"""Dials that may wait to be accepted; beyond that a unix socket refuses, and asyncio only finds out later."""


class Proxy:
    """
    A unix socket before a server; it understands nothing but where a script begins.

    Attributes:
        url: Where it listens.
        lost: Answers or calls lost so far.
        lost_answers: What the answers said that were lost.
        accepted: Connections so far.
        slowed: Answers that came late so far.
        server: The unix socket that it stands before.

    """

    def __init__(self, server: str, roll: Callable[[], float] = ids.roll) -> None:
        """Stand before the unix socket *server*, with dice for latencies."""
        self.server = server
        self._folder = Path(tempfile.mkdtemp(prefix="jf-", dir="/tmp"))  # pytest's own paths are too long for a socket
        self.url = f"unix://{self._folder}/s"
        self.lost = self.slowed = self.accepted = 0
        self.lost_answers: list[bytes] = []
        self._to_lose = 0
        self._losing = self._holding = SCRIPT
        self._losing_requests = False
        self._open = asyncio.Event()
        self._open.set()
        self._held = asyncio.Event()
        self._flows = asyncio.Event()
        self._flows.set()
        self._latency_s = (0.0, 0.0)
        self._roll = roll
        self._listener: asyncio.Server | None = None
        self._refuses = False
        self._ways: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self) -> None:
        """Listen."""
        timeline.happened("proxy", "accepts")
        self._refuses = False
        self._listener = await asyncio.start_unix_server(self._serve, f"{self._folder}/s", backlog=MOST_AT_ONCE)

    async def refuse(self) -> None:
        """Cut every connection, and accept none."""
        timeline.happened("proxy", "refuses")
        self._refuses = True
        if self._listener is not None:
            self._listener.close()
        self.cut()
        (self._folder / "s").unlink(missing_ok=True)

    def cut(self) -> None:
        """Cut every connection."""
        timeline.happened("proxy", "cuts")
        for way in self._ways:
            way.close()

    def lose_answers(self, count: int, of: bytes = SCRIPT) -> None:
        """Let the next *count* scripts run that have *of* in them, and cut the connection in place of each answer."""
        timeline.happened("proxy", f"loses {count} answers")
        self._to_lose, self._losing_requests, self._losing = count, False, of

    def lose_requests(self, count: int) -> None:
        """Cut the connection in place of the next *count* scripts: the server never sees them."""
        timeline.happened("proxy", f"loses {count} calls")
        self._to_lose, self._losing_requests, self._losing = count, True, SCRIPT

    def hold(self, of: bytes = SCRIPT) -> None:
        """Keep the answers of scripts back that have *of* in them."""
        self._holding = of
        timeline.happened("proxy", "holds answers")
        self._open.clear()

    async def held(self) -> None:
        """Wait until a script has been answered whose answer is kept back."""
        await self._held.wait()

    def slow_down(self, least_s: float, most_s: float) -> None:
        """Let every answer come so much later."""
        timeline.happened("proxy", "slows down")
        self._latency_s = (least_s, most_s)

    def swallow(self) -> None:
        """Carry nothing any more, in no direction, on connections that stay open: a cable is cut."""
        timeline.happened("proxy", "swallows")
        self._flows.clear()

    def heal(self) -> None:
        """Carry on, with what was swallowed first."""
        timeline.happened("proxy", "carries on")
        self._flows.set()

    def release(self) -> None:
        """Let the answers through that were kept back."""
        timeline.happened("proxy", "lets answers through")
        self._held.clear()
        self._open.set()

    async def aclose(self) -> None:
        """End everything."""
        self.release()
        self.heal()
        await self.refuse()
        if self._tasks:
            await asyncio.wait(self._tasks)
        shutil.rmtree(self._folder)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            upstream, to_server = await asyncio.open_unix_connection(self.server)
        except OSError:  # nobody is behind it
            self._tasks.discard(task)
            writer.close()
            return
        self._ways |= {writer, to_server}
        if self._refuses:  # since it was accepted: nobody else would cut it
            self.cut()
        way = _Way(self, reader, writer, upstream, to_server)
        await asyncio.gather(way.requests(), way.answers())
        self._ways -= {writer, to_server}
        self._tasks.discard(task)

    def loses(self, call: bytes, *, request: bool) -> bool:
        """Whether *call*, or the answer to it, is one of those to be lost."""
        if not self._to_lose or request != self._losing_requests or self._losing not in call:
            return False
        self._to_lose -= 1
        self.lost += 1
        return True

    async def carry(self) -> None:
        """Wait while nothing is carried."""
        await self._flows.wait()

    async def travel(self) -> None:
        """Take the time that an answer takes."""
        least, most = self._latency_s
        if most:
            self.slowed += 1
            await asyncio.sleep(least + (most - least) * self._roll())

    async def pass_gate(self, call: bytes) -> None:
        """Wait while answers to such a call are held."""
        if not self._open.is_set() and self._holding in call:
            self._held.set()
            await self._open.wait()


class _Way:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: Proxy,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client, self._to_client = client, to_client
        self._server, self._to_server = server, to_server
        self._call = b""  # the script whose answer comes next

    async def requests(self) -> None:
        """Carry what the client says, until it ends or is cut off."""
        while data := await _read(self._client):
            if SCRIPT in data:
                if self._proxy.loses(data, request=True):
                    break
                self._call = data
            await self._proxy.carry()
            self._to_server.write(data)
        self._close()

    async def answers(self) -> None:
        """Carry what the server says, until it ends or is cut off."""
        while data := await _read(self._server):
            if self._call:
                call, self._call = self._call, b""
                if self._proxy.loses(call, request=False):
                    self._proxy.lost_answers.append(data)
                    break
                await self._proxy.pass_gate(call)
            await self._proxy.travel()
            await self._proxy.carry()
            self._to_client.write(data)
        self._close()

    def _close(self) -> None:
        """End both halves as soon as one has ended."""
        self._to_client.close()
        self._to_server.close()


async def _read(stream: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(OSError):
        return await stream.read(65_536)
    return b""
