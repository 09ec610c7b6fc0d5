"""
The socket of the status server, made to last beside clients that drip, flood or talk nonsense.

A connection has a few seconds to bring a whole request (aiohttp's keep-alive timer, which also runs before the first
one), headers are bounded, bodies are never read, and when there are too many connections the oldest goes.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from jobframe.status.problem import problem

__all__ = ["MOST_CONNECTIONS", "listen"]

MOST_CONNECTIONS = 128
REQUEST_WITHIN_S = 8.0
UNREAD_BODY_S = 1.0
MOST_HEADERS = 64
MOST_LINE = 8190


class _Connection(web.RequestHandler):
    """A connection whose own errors, those before a request is understood, are problem documents too."""

    __slots__ = ()

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

    def accept() -> _Connection:
        open_ones = [connection for connection in server.connections if connection.transport is not None]
        if len(open_ones) >= MOST_CONNECTIONS:
            open_ones[0].force_close()
        return _Connection(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # its own code asks whether there is one
            auto_decompress=False,
            keepalive_timeout=REQUEST_WITHIN_S,
            lingering_time=UNREAD_BODY_S,
            max_headers=MOST_HEADERS,
            max_line_size=MOST_LINE,
            max_field_size=MOST_LINE,
        )

    return await loop.create_server(accept, host, port)
