"""What is kept of a failed test: the ledger, the workers' logs, the timeline, the store, jobs.toml and the seed."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import threading
import time
from collections import deque
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from jobframe.store.store import Store
from tests import timeline
from tests.fleet.ledger import Ledger

KEPT_IN = ".faults"
MOST_LINES = 200_000
"""Of a ledger and of a timeline the last ones: what a soak wrote fills a disk."""

MOST_BYTES, MOST_ENTRIES, MOST_CHARACTERS = 4_000_000, 50, 300
"""How much of the store is written down: in all, of one key, and of one value."""

WITHIN_S = 20

_fleets = []


def watch(fleet):
    """Keep what is there of *fleet* when the test that runs now fails."""
    _fleets.append(fleet)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Forget the test before."""
    _fleets.clear()
    timeline.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep the evidence while the fixtures still stand, and say where."""
    report = yield
    if report.failed:
        name = f"{re.sub(r'[^A-Za-z0-9]+', '-', item.name)[:80].strip('-')}-{time.strftime('%Y%m%d-%H%M%S')}"
        for n, fleet in enumerate(_fleets):
            folder = item.config.rootpath / KEPT_IN / (f"{name}-{n}" if n else name)
            keep(fleet, folder)
            report.sections.append(
                ("evidence", f"kept in {folder}\nFAULTS_SEED={fleet.seed} throws the same dice again\n")
            )
        _fleets.clear()
    return report


def keep(fleet, folder):
    """Write down in *folder* what there is of *fleet*."""
    folder.mkdir(parents=True)
    for file in (*fleet.folder.glob("*.log"), fleet.folder / "jobs.toml"):
        shutil.copy(file, folder)
    if fleet.ledger.path.exists():
        with fleet.ledger.path.open() as lines, (folder / "ledger").open("w") as kept:
            kept.writelines(deque(lines, MOST_LINES))
    (folder / "timeline.txt").write_text("".join(told(Ledger(folder / "ledger"))))
    (folder / "seed.txt").write_text(f"{fleet.seed}\n")
    _aside(lambda: _dump(fleet.jobs.store.url, fleet.namespace, folder / "store.txt"))


def told(ledger):
    """Tell what handlers wrote down and what the test did, in the order of time."""
    lines = (line for line in ledger.lines() if line.what != "tick")
    ran = [timeline.Event(line.ns, f"process {line.pid}", _said(line)) for line in lines]
    story = deque(sorted([*ran, *timeline.events()]), MOST_LINES)
    began = story[0].ns if story else 0
    return [f"{(each.ns - began) / 1e9:10.3f} s  {each.who:24}  {each.what}\n" for each in story]


def _said(line):
    return f"{line.what:8}  {line.job}  attempt {line.attempt}  fence {line.fence}" if line.job else line.what


def _aside(work):
    """Run *work* in a loop of its own: that of the test stands still, and is not ours to move."""
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()


async def _dump(url, namespace, path: Path):
    store = Store(url, namespace)
    with path.open("w") as file:
        try:
            async with asyncio.timeout(WITHIN_S):
                await _write_keys(store, file)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            file.write(f"and no further: {type(error).__name__}: {error}\n")
    await store.aclose()


async def _write_keys(store, file):
    async for key in store.redis.scan_iter(match=f"{store.keys.prefix}*", count=500):
        if file.tell() > MOST_BYTES:
            file.write(f"and no further: it is over {MOST_BYTES} bytes\n")
            return
        kind = (await store.redis.type(key)).decode()
        size, entries = await READERS[kind](store.redis, key)
        file.write(f"{key.decode()}  {kind} of {size}\n")
        file.writelines(f"    {_shown(entry)}\n" for entry in itertools.islice(entries, MOST_ENTRIES))


def _shown(entry):
    text = repr(entry)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}… of {len(text)}"


async def _read_hash(redis, key):
    return await redis.hlen(key), (await redis.hscan(key, count=MOST_ENTRIES))[1].items()


async def _read_sorted_set(redis, key):
    return await redis.zcard(key), await redis.zrange(key, 0, MOST_ENTRIES, withscores=True)


async def _read_list(redis, key):
    return await redis.llen(key), await redis.lrange(key, 0, MOST_ENTRIES)


async def _read_text(redis, key):
    return await redis.strlen(key), [await redis.getrange(key, 0, MOST_CHARACTERS)]


async def _read_nothing(redis, key):
    """Say that it is gone since, or of a kind that we do not use."""
    return "what nobody reads", []


READERS = {
    "hash": _read_hash,
    "zset": _read_sorted_set,
    "list": _read_list,
    "string": _read_text,
    "set": _read_nothing,
    "none": _read_nothing,
    "stream": _read_nothing,
}
