"""``GET /metrics`` with 200 types that have jobs and histograms: the median of 20 requests, in both forms."""

from __future__ import annotations

import asyncio
import http.client
import time
from statistics import median
from urllib.parse import urlsplit

from bench.deployment import deployed
from bench.figure import Figure, Run
from bench.server import server
from jobframe.status.server import StatusServer

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("metrics.json", "/metrics at 200 types, JSON", "ms", "≤ 50"),
    Figure("metrics.prometheus", "/metrics at 200 types, Prometheus text", "ms", "≤ 150"),
)
ROUNDS = 3
_TYPES = 200
_REQUESTS = 20


async def measure(run: Run) -> dict[str, float]:
    """Run ten jobs of each type, then ask."""
    with server() as one:
        async with deployed(one, types=_TYPES) as deployment:
            deployment.announce()
            count = run.size(10, 1) * _TYPES
            await deployment.enqueue(count, at_once=run.size(10, 1))
            await deployment.drain(count)
            deployment.stop()
            status = StatusServer(one.url, port=0)
            status.start()
            try:
                return {
                    f"metrics.{form}": await asyncio.to_thread(_median_ms, status.address, form)
                    for form in ("json", "prometheus")
                }
            finally:
                status.stop()


def _median_ms(address: str, form: str) -> float:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        return median(_request_ms(connection, form) for _ in range(_REQUESTS))
    finally:
        connection.close()


def _request_ms(connection: http.client.HTTPConnection, form: str) -> float:
    began = time.monotonic()
    connection.request("GET", f"/metrics?format={form}")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK or body.count(b"bench.t") < _TYPES:
        raise SystemExit(f"/metrics answered {answer.status} without all types")
    return 1e3 * (time.monotonic() - began)
