"""Errors as ``application/problem+json`` (RFC 9457): what a client gets instead of a page or a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

__all__ = ["HEADERS", "SERVER", "problem"]

SERVER = "jobframe"
"""The ``Server`` header of every answer, by which one jobframe knows another."""

HEADERS = {
    "Server": SERVER,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer, also when no request was understood."""


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> web.Response:
    """
    Make the response that tells of an error.

    Args:
        status: HTTP status code.
        detail: What happened and what to do; never data of a job.
        headers: More headers.
        **members: More members of the document.

    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    return web.Response(
        status=status,
        body=msgspec.json.encode(document) + b"\n",
        content_type="application/problem+json",
        headers={**HEADERS, **(headers or {})},
    )
