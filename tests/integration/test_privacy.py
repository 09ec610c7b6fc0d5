"""Nobody's payload stands in a log line, an error text, a record or /metrics."""

from __future__ import annotations

import contextlib

import aiohttp
import pytest

from jobframe.core.errors import JobCancelled, JobFailed
from jobframe.status.server import StatusServer

CANARY = "canary-4929-1283-øl"
CONFIGURED = """
[defaults]
max_retries = 1
backoff = "none"
[logging]
format = "{}"
level = "DEBUG"
"""
WAYS = ["raise", "fail", "cancel", "retry", "log", "flaky", "object", "follow", "hold", "unknown"]
EVERYWHERE = ["work.loop", "work.thread", "work.process"]


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_a_payload_value_is_seen_nowhere_but_in_its_payload(fleet, log_format):
    fleet.configure(CONFIGURED.format(log_format))
    fleet.ledger.open_gate(CANARY)
    (worker,) = await fleet.start()
    handles = [await fleet.jobs.enqueue(name, {"do": do, "text": CANARY, "n": 1}) for name in EVERYWHERE for do in WAYS]
    for handle in handles:
        with contextlib.suppress(JobFailed, JobCancelled):
            await handle.result(timeout=30)
    await fleet.ended()
    server = StatusServer(fleet.url, fleet.namespace, port=0)
    server.start()
    try:
        async with aiohttp.ClientSession() as web:
            pages = [
                await (await web.get(f"{server.address}{path}")).text()
                for path in ("/metrics", "/metrics?format=prometheus", "/readyz")
            ]
    finally:
        server.stop()
    worker.signal()
    await worker.exit_code()

    infos = [await handle.info() for handle in handles]
    assert any(info.errors for info in infos)
    assert "job failed" in worker.said()
    shown = [worker.said(), *pages, *map(str, infos)]
    for part in (CANARY, "4929", repr(CANARY)[1:-1], CANARY.encode("unicode_escape").decode()):
        assert [] == [text for text in shown if part in text]
