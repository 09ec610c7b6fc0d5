"""
The socket of the status server, made to last beside clients that drip, flood or talk nonsense.

A connection carries one request and lives for eight seconds, whatever its client does: no header can drip longer, no
answer stays unread longer, no request waits behind another. Headers are bounded and bodies are never read. When there
are too many connections the oldest that is not being answered goes, so that a crowd keeps no probe out.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from operator import attrgetter
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from jobframe.status.problem import problem

__all__ = ["MOST_CONNECTIONS", "listen"]

MOST_CONNECTIONS = 128
ACCEPTED_AT_ONCE = 16
"""Far fewer than `MOST_CONNECTIONS`: a connection whose request is there is read before so many have come after it."""

MOST_UNACCEPTED = 1024
"""As many may wait in the kernel, which drops those above: their clients try again a second later."""

LIFE_S = 8.0
UNREAD_BODY_S = 1.0
MOST_HEADERS = 64
MOST_LINE = 8190


class _Connection(web.RequestHandler):
    """
    A connection of few seconds whose own errors, those before a request is understood, are problem documents too.

    Attributes:
        answering: Whether its request is there and its answer not yet.

    """

    __slots__ = ("_crowd", "_end", "answering")

    def __init__(self, server: web.Server, crowd: dict[_Connection, None], **options: Any) -> None:
        super().__init__(server, **options)
        self.answering = False
        self._crowd = crowd
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the *crowd*, in the place of another when it is full."""
        super().connection_made(transport)
        self._end = asyncio.get_running_loop().call_later(LIFE_S, self.cut_off)
        if len(self._crowd) >= MOST_CONNECTIONS:
            min(self._crowd, key=attrgetter("answering")).cut_off()
        self._crowd[self] = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the crowd."""
        self._crowd.pop(self, None)
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    def cut_off(self) -> None:
        """Close at once; what the client has not read yet it never will."""
        self._crowd.pop(self, None)
        if self.transport is not None:
            self.transport.abort()
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what the client sent
    ) -> web.StreamResponse:
        """Answer with a problem, log nothing: anybody can send nonsense."""
        if request.writer.output_size > 0:
            raise ConnectionError
        if isinstance(exc, LineTooLong) or "Too many headers" in str(exc):
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        response = problem(status, "this is no request that can be read")
        response.force_close()
        return response


async def listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    """
    Serve the application of *runner*, which is set up, on *host* and *port*.

    Raises:
        OSError: The port cannot be had.

    """
    loop = asyncio.get_running_loop()
    server = runner.server
    assert server is not None, "set the runner up first"  # noqa: S101 - a mistake in this package
    server.request_handler = _only_once(server.request_handler)
    crowd: dict[_Connection, None] = {}

    def accept() -> _Connection:
        return _Connection(
            server,
            crowd,
            loop=loop,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=0,
            lingering_time=UNREAD_BODY_S,
            max_headers=MOST_HEADERS,
            max_line_size=MOST_LINE,
            max_field_size=MOST_LINE,
        )

    listening = await loop.create_server(accept, host, port, backlog=ACCEPTED_AT_ONCE)
    for shared in listening.sockets:
        with shared.dup() as socket:
            socket.listen(MOST_UNACCEPTED)
    return listening


def _only_once(handle: Any) -> Any:
    """Have *handle* answer the only request of its connection."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("_Connection", request.protocol)
        connection.answering = True
        try:
            response: web.StreamResponse = await handle(request)
        finally:
            connection.answering = False
        response.force_close()
        return response

    return answer
