"""The routes: health, readiness, metrics. None names a job or shows a payload, so none needs a token."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from aiohttp import web

from jobframe.core.errors import JobframeError
from jobframe.status.metrics import metrics
from jobframe.status.negotiation import prefers_prometheus
from jobframe.status.problem import HEADERS, problem
from jobframe.status.prometheus import exposition
from jobframe.status.readiness import Verdict, worst
from jobframe.status.source import Source

__all__ = ["create_app"]

MOST_BODY = 65_536
_log = logging.getLogger(__name__)
_SOURCE = web.AppKey("source", Source)


def create_app(source: Source) -> web.Application:
    """Make the application that shows *source*."""
    app = web.Application(middlewares=[_tell_errors], client_max_size=MOST_BODY)
    app[_SOURCE] = source
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics)
    return app


async def _healthz(_: web.Request) -> web.Response:
    return _json({"status": "ok"})


async def _readyz(request: web.Request) -> web.Response:
    checks = await request.app[_SOURCE].checks()
    verdict = worst(checks)
    shown = {check.name: {"status": check.verdict.name.lower(), "reason": check.reason} for check in checks}
    strict = request.query.get("strict", "no") in ("", "1", "true")
    if verdict is Verdict.FAILING or (strict and verdict is Verdict.DEGRADED):
        reasons = (f"{check.name}: {check.reason}" for check in checks if check.verdict is verdict)
        return problem(503, "; ".join(reasons), readiness=verdict.name.lower(), checks=shown)
    return _json({"status": verdict.name.lower(), "checks": shown})


async def _metrics(request: web.Request) -> web.Response:
    accept = ",".join(request.headers.getall("Accept", ()))
    wanted = request.query.get("format") or ("prometheus" if prefers_prometheus(accept) else "json")
    if wanted == "prometheus":
        text, content_type = exposition(await request.app[_SOURCE].total(), accept)
        return web.Response(body=text, headers={"Content-Type": content_type, "Vary": "Accept"})
    if wanted == "json":
        return _json(metrics(await request.app[_SOURCE].recent()), {"Vary": "Accept"})
    raise web.HTTPBadRequest(text="format is json or prometheus")


def _json(document: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(document) + b"\n", content_type="application/json", headers=headers)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@web.middleware
async def _tell_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    if (request.content_length or 0) > MOST_BODY:
        refused = problem(413, f"a body of more than {MOST_BODY} bytes is not read")
        refused.force_close()
        return refused
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem(error.status, _detail(request, error), headers=allow)
    except JobframeError as error:
        return problem(503, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the client learns no more than that
        # no trace: its values may be a job's
        _log.error("%s could not be made: %s", request.path, type(error).__name__)
        return problem(500, "the page could not be made; the log of this process names the error")
    return response


def _detail(request: web.Request, error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPNotFound):
        return "there is nothing here: /healthz, /readyz and /metrics are"
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"this page can only be read: use GET or HEAD, not {request.method}"
    return error.text or error.reason
