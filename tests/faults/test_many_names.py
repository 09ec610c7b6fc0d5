"""Ids and error texts by the hundred thousand make no series of metrics, and no long or slow answer."""

from __future__ import annotations

import asyncio
import secrets
import time
import urllib.request

import pytest

from jobframe.status.server import StatusServer
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, TIMEOUT_S, nothing_left, tell
from tests.fleet.workers import until

JOBS, BATCH = load(100_000), 1_000
BYTES = 1_000_000
ANSWER_S = 0.1

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_hundred_thousand_ids_and_error_texts_add_no_series(fleet):
    fleet.configure('[jobs."work.loop"]\nmax_retries = 0\nkeep_failed = "10m"', max_jobs=100)
    await fleet.start()
    server = StatusServer(fleet.url, fleet.namespace, port=0)
    try:
        assert server.start()
        await _fail(fleet, 1)
        before, _, _ = await asyncio.to_thread(_scrape, server.address)
        for _ in range(JOBS // BATCH):
            await _fail(fleet, BATCH)
        await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
        scrapes = [await asyncio.to_thread(_scrape, server.address) for _ in range(10)]
    finally:
        server.stop()

    assert JOBS + 1 == (await fleet.jobs.counts())["failed"]
    series, size, seconds = scrapes[-1][0], max(scrape[1] for scrape in scrapes), max(scrape[2] for scrape in scrapes)
    tell(f"{JOBS:,} names: {len(series)} series, as before; {size:,} bytes in {seconds * 1000:.0f} ms at most")
    assert before == series
    assert size < BYTES
    if FULL:
        assert seconds < ANSWER_S


async def _fail(fleet, count):
    """Enqueue jobs with ids and errors that nobody has seen before."""
    work = {"do": "raise"}
    await fleet.jobs.enqueue_many(
        [("work.loop", work | {"text": secrets.token_hex(16)}, secrets.token_hex(8)) for _ in range(count)]
    )


def _scrape(address):
    """Return the names of all series with their labels, the answer's size and the seconds that it took."""
    began = time.monotonic()
    with urllib.request.urlopen(f"{address}/metrics?format=prometheus", timeout=20) as answer:  # noqa: S310 - our own
        text = answer.read()
    lines = text.decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}, len(text), time.monotonic() - began
