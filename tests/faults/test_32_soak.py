"""
Row 32: hours at 50 jobs a second, a fault every half minute, and a downgrade and an upgrade of the plugin every hour.

``make soak HOURS=6`` says how many. Without that it takes a few seconds, and each fault follows the one before.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from contextlib import suppress

import attrs
import pytest

from jobframe.client.jobs import Jobs
from jobframe.core.errors import StoreUnavailable
from jobframe.core.keyring import parse_keyring, written
from jobframe.store.doctor import examine
from jobframe.store.store import Store
from tests import timeline
from tests.faults.soak.books import Books
from tests.faults.soak.faults import FAULTS, drawn
from tests.faults.soak.load import TABLES, Load
from tests.faults.soak.soak import PATIENCE_S, Soak
from tests.faults.soak.watch import Memory, Status
from tests.faults.under_load import nothing_left, tell
from tests.fleet.workers import until
from tests.proxy import Proxy

HOURS = float(os.environ.get("SOAK_HOURS") or 0.002)
SECONDS = 3_600 * HOURS
LONG, HOURLY = HOURS >= 0.01, HOURS >= 0.1
FAULT_EVERY_S = min(30.0, SECONDS / len(FAULTS))
LEAST_FAULTS = 4
WATCH_EVERY_S = 10.0 if LONG else 1.0
HOUR_S = min(3_600.0, SECONDS)
ROLLS = ((5 / 12, 1), (7 / 12, 2)) if LONG else ((1 / 2, 3),)
"""At which part of each hour workers are replaced by those with which version; the newest one is there at the end."""

RUNTIME = {"durability": "aof", "max_jobs": 20, "children": 2, "grace": "5s"} | ({} if HOURLY else {"lease": "3s"})
MOST_METRICS = 1_000_000
MOST_GROWTH = 0.05
KEY = written("k1", b"1" * 32)
OF_A_TIME = ("minute", "minutes", "hour", "hours", "total", "wake", "suspicions")
"""Kinds of keys that come and go with the clock or with who is late, and not with jobs."""

OF_WORKERS = ("worker-info", "claims", "suspicions")

pytestmark = pytest.mark.timeout(SECONDS + 900)


@attrs.define
class Log:
    """What was done to the soak: how often each fault, and when the last one of all."""

    faults: Counter[str] = attrs.field(factory=Counter)
    last: str = ""
    began: float = attrs.field(factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """For how long it has run."""
        return time.monotonic() - self.began

    def note(self, name: str, met: str) -> None:
        """Write down what was done, and what showed that it happened."""
        self.faults[name] += 1
        self.last = f"{name}: {met}"
        timeline.happened("soak", self.last)
        if not LONG:
            tell(f"{self.elapsed_s:6.1f} s  {self.last}")


@pytest.fixture
async def soak(durable_fleet, own_server, make_clock, monkeypatch):
    """Workers behind a proxy before a durable server, and a producer on the same way."""
    monkeypatch.setenv("JOBFRAME_KEYS", KEY)
    monkeypatch.setenv("ACME_VERSION", "2")
    fleet = durable_fleet
    proxy = Proxy(fleet.url.removeprefix("unix://"), fleet.dice.random)
    await proxy.accept()
    fleet.url = proxy.url
    fleet.configure(TABLES, **RUNTIME)
    producer = Jobs(Store(proxy.url, fleet.namespace), keyring=lambda: parse_keyring(KEY))
    size, hold_s = (4, 5.0) if HOURLY else (3, 2.0) if LONG else (2, 0.5)
    yield Soak(fleet, own_server, proxy, producer, Books(fleet.ledger.path), make_clock, size, hold_s)
    await producer.aclose()
    await producer.store.aclose()
    await proxy.aclose()


@pytest.fixture
def status(soak):
    """A status server in a process of its own."""
    status = Status(soak.fleet.folder)
    yield status
    status.stop()


async def test_nothing_is_lost_leaked_or_grown_in_hours_of_faults(soak, status):
    tell(f"seed {soak.fleet.seed}: {HOURS:g} h, {soak.size} workers, a fault every {FAULT_EVERY_S:.1f} s")
    await soak.fleet.start(soak.size)
    await status.serves()
    load = Load(soak.producer, soak.books, soak.fleet.folder / "acknowledged.log")
    await load.one_of_each()
    await until(lambda: all_ran(soak), "one of each has ended, and the schedule has fired", PATIENCE_S)
    await status.poll()
    series, keys = status.series, await names(soak)
    memory, log = Memory(), Log()
    watching = asyncio.create_task(watch(soak, status, memory, log))
    loading = asyncio.create_task(load.run())
    try:
        await storm(soak, log, (loading, watching))
        load.stopped = True
        tell(f"{log.elapsed_s:6.1f} s  the load stops")
        await asyncio.wait_for(loading, PATIENCE_S)
        await until(lambda: nothing_left(soak.fleet), "every job has ended", 2 * PATIENCE_S)
    finally:
        watching.cancel()
        loading.cancel()
    tell(f"{log.elapsed_s:6.1f} s  every job has ended")
    examined = await examine(soak.fleet.jobs.store)
    counts = await until(lambda: all_done(soak), "each that did its work completed, and completed once", PATIENCE_S)
    await status.poll()

    books, growth = soak.books, memory.growth()
    tell(
        f"{load.asked} asked for, {books.acknowledged.distinct} acknowledged, {books.unknown.distinct} unknown, "
        f"{books.refused.distinct} refused; {books.done} did their work, {counts['completed']} completed; "
        f"{books.repeated} did it again, {books.starts} starts; "
        f"{dict(log.faults)}; {counts}; /metrics {status.largest} bytes, {status.most_series} series; "
        f"{dict(status.answers)}; growth {growth}"
    )
    assert [] == books.lost
    assert [] == books.uninvited
    assert books.repeated <= counts["crashed"] + counts["interrupted"], "none that was marked"
    assert (0, 0, 0, 0) == tuple(counts[name] for name in ("failed", "cancelled", "expired", "parked"))
    assert {} == examined.troubles
    assert load.found > 0
    assert status.series == series
    assert status.most_series == len(series)
    assert status.largest <= MOST_METRICS
    await until(lambda: same_names(soak, keys), "no keys but those of the beginning", PATIENCE_S)
    assert set() == await strangers(soak)
    assert {} == {pid: grown for pid, grown in growth.items() if grown > MOST_GROWTH}


async def storm(soak, log, beside):
    """Have one fault after the other, and the rolls, until the time is over."""
    faults = drawn(soak)
    rolls = iter(sorted((hour + part, version) for hour in range(int(max(HOURS, 1))) for part, version in ROLLS))
    roll_at, version = next(rolls)
    for fault_at in itertools.count(1):
        while log.elapsed_s >= roll_at * HOUR_S:
            await soak.roll(version)
            log.note(f"version {version}", "rolled out")
            roll_at, version = next(rolls, (float("inf"), 0))
        if log.elapsed_s >= SECONDS and fault_at > LEAST_FAULTS:
            break
        fault = next(faults)
        met = await fault(soak)
        await soak.is_whole()
        log.note(fault.__name__, met)
        for task in beside:
            if task.done():
                task.result()
                pytest.fail("load and watch go on to the end")
        await asyncio.sleep(max(0.0, fault_at * FAULT_EVERY_S - log.elapsed_s))
    assert roll_at == float("inf"), "it was rolled out"


async def watch(soak, status, memory, log):
    """Look at everything again and again, and say each minute how it goes."""
    minutes = itertools.count(1)
    minute = next(minutes)
    while True:
        soak.books.read()
        await status.poll()
        pids = [worker.pid for worker in soak.living()]
        memory.sample([*pids, status.process.pid])
        if log.elapsed_s >= 60 * minute:
            with suppress(StoreUnavailable):  # the next look will have it
                counts = await soak.fleet.jobs.counts()
                tell(
                    f"{minute:4} min: {soak.books.acknowledged.distinct} acknowledged, {soak.books.done} done, "
                    f"{counts['waiting']} waiting, {counts['active']} active, {counts['failed']} failed; "
                    f"{log.faults.total()} faults, the last {log.last}; {memory.now(pids)} MB"
                )
                minute = next(minutes)
        await asyncio.sleep(WATCH_EVERY_S)


async def all_ran(soak):
    """Whether one of each kind has ended, and the schedule has fired."""
    soak.books.read()
    return any("often@" in job for job in soak.books.did_ids) and await nothing_left(soak.fleet)


async def all_done(soak):
    """Return the counts when as many jobs have completed as did their work; a schedule goes on meanwhile."""
    counts = await soak.fleet.jobs.counts()
    soak.books.read()
    return counts if counts["completed"] == soak.books.done else None


async def names(soak):
    """Purge what has ended and name the keys that are left."""
    await soak.fleet.jobs.purge(state="completed")
    prefix = soak.fleet.jobs.store.keys.prefix
    found = {key.decode().removeprefix(prefix) async for key in soak.redis.scan_iter(match=f"{prefix}*", count=1_000)}
    return {name for name in found if name.partition(":")[0] not in OF_A_TIME}


async def same_names(soak, before):
    found = await names(soak)
    timeline.happened("soak", f"new keys: {sorted(found - before)}; gone: {sorted(before - found)}")
    return found == before


async def strangers(soak):
    """Name the workers of which something is kept, and which are none."""
    keys = soak.fleet.jobs.store.keys
    kept = [await soak.redis.hkeys(f"{keys.prefix}{name}") for name in OF_WORKERS]
    return set().union(*kept) - set(await soak.redis.zrange(keys.workers, 0, -1))
