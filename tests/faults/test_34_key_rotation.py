"""Row 34: keys are rotated while sealed jobs are due and retried; what no key opens is parked, once, and comes back."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import partial

import msgspec
import pytest

from jobframe.client.jobs import Jobs
from jobframe.core import jobtype
from jobframe.core.job import NewJob, State
from jobframe.core.keyring import parse_keyring, written
from jobframe.store.codec import decode_payload
from jobframe.store.seal import key_of
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, now_ns, tell
from tests.fleet.canary import everything, files_of, places_of
from tests.fleet.workers import until

SCHEDULED, RETRYING, TAMPERED = load(1_000), load(200), load(100)
SPREAD_S = 40 if FULL else 4
TYPE = "work.secret"
OLD, NEW = written("k1", b"1" * 32), written("k2", b"2" * 32)
CANARY, CONTROL = "canary-4929-1283-øl", "control-7361-9947-øl"
MENDS_AFTER = 2
NEVER = 10_000
TABLES = f"""
[jobs."{TYPE}"]
max_retries = {NEVER}
backoff = {{ strategy = "fixed", base = "500ms", jitter = "none" }}
"""
NO_KEY = "key_unavailable: payload version 1 is sealed with key 'k1', which this worker does not have"
MOVED = "unreadable: field 'number' does not open with key 'k2': it was changed or sealed for another job"

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.fixture(autouse=True)
def without_the_plugin(monkeypatch):
    """Let this process enqueue by what workers announced: another test may have left the plugin's types here."""
    monkeypatch.setattr(jobtype, "_declared", {})


@pytest.fixture
async def rotation(durable_fleet, monkeypatch):
    durable_fleet.configure(TABLES, durability="aof", **RUNTIME)
    rotation = Rotation(durable_fleet, monkeypatch)
    yield rotation
    for jobs in rotation.producers.values():
        await jobs.aclose()


class Rotation:
    """
    A fleet whose workers and producers have keys.

    Attributes:
        fleet: The fleet.
        producers: Active key → a producer that seals with it.

    """

    def __init__(self, fleet, monkeypatch):
        self.fleet = fleet
        self._monkeypatch = monkeypatch
        self.producers = {
            active: Jobs(fleet.jobs.store, keyring=partial(parse_keyring, active)) for active in (OLD, NEW)
        }

    async def start(self, *keys, count=2):
        """Start workers that have these keys, the first to seal with."""
        self._monkeypatch.setenv("JOBFRAME_KEYS", ",".join(keys))
        return await self.fleet.start(count, "--type", TYPE)

    async def stop(self, workers):
        for worker in workers:
            worker.signal()
        for worker in workers:
            assert 0 == await worker.exit_code()

    async def enqueue(self, key, count, delay_s=0.0, spread_s=0.0, **work):
        """Enqueue sealed jobs, their due times spread evenly; returns their ids."""
        jobs = [
            NewJob(
                TYPE,
                {"number": f"{CANARY} {n}", "name": CONTROL} | work,
                delay=dt.timedelta(seconds=delay_s + spread_s * n / count),
            )
            for n in range(count)
        ]
        return [handle.id for handle in await self.producers[key].enqueue_many(jobs)]

    async def parks(self):
        """Return how often a job was parked since the beginning, as the store counts."""
        store = self.fleet.jobs.store
        return int(await store.redis.hget(store.keys.counters(TYPE), "parked") or 0)

    async def parked(self):
        """Return what is known of all jobs that are parked."""
        infos, cursor = {}, None
        while True:
            page = await self.fleet.jobs.jobs(TYPE, State.PARKED, cursor, limit=500)
            infos |= {info.id: info for info in page.jobs}
            cursor = page.cursor
            if cursor is None:
                return infos

    async def payloads(self):
        """Return the stored bytes of each job's payload, its options and the envelope."""
        store = self.fleet.jobs.store
        return {f"{TYPE}:{unique}": kept for unique, kept in (await store.read_hash(store.keys.payload(TYPE))).items()}

    async def sealed_with(self, jobs):
        """Name the keys that the payloads of these jobs are sealed with; completed ones have none any more."""
        kept = await self.payloads()
        return {key_of(decode_payload(kept[job])[1].sealed or {}) for job in jobs if job in kept}

    async def tamper(self, jobs, givers):
        """Move the sealed field of one job to another."""
        store, kept = self.fleet.jobs.store, await self.payloads()
        for job, giver in zip(jobs, givers, strict=True):
            envelope = msgspec.structs.replace(
                decode_payload(kept[job])[1], sealed=decode_payload(kept[giver])[1].sealed
            )
            head = kept[job][: kept[job].index(b"\n") + 1]
            moved = head + msgspec.json.encode(envelope)
            await store.redis.hset(store.keys.payload(TYPE), job.partition(":")[2], moved)

    def completed(self, jobs):
        ended = {line.job for line in self.fleet.ledger.lines("end")}
        return ended & set(jobs)


async def test_jobs_run_while_their_key_is_there_and_are_parked_once_when_it_is_retired(rotation, own_server):
    fleet, starts = rotation.fleet, rotation.fleet.ledger.starts
    first = await rotation.start(OLD)
    old = await rotation.enqueue(OLD, SCHEDULED // 2, spread_s=SPREAD_S)
    mending_old = await rotation.enqueue(OLD, RETRYING // 4, do="flaky", n=MENDS_AFTER)
    endless = await rotation.enqueue(OLD, RETRYING // 4, do="flaky", n=NEVER)
    assert {"k1"} == await rotation.sealed_with([*old, *mending_old, *endless])
    await until(lambda: len(rotation.completed(old)) >= len(old) // 4, "a quarter has run", PATIENCE_S)
    await until(lambda: starts().keys() >= {*mending_old, *endless}, "the others are being retried", PATIENCE_S)

    both = await rotation.start(NEW, OLD)  # beside those that cannot open what is sealed from now on
    new = await rotation.enqueue(NEW, SCHEDULED // 2, spread_s=SPREAD_S)
    mending_new = await rotation.enqueue(NEW, RETRYING // 2, do="flaky", n=MENDS_AFTER)
    assert {"k2"} == await rotation.sealed_with([*new, *mending_new])
    await rotation.stop(first)
    await until(lambda: all(starts()[job] > MENDS_AFTER for job in mending_old), "they mend", PATIENCE_S)
    await until(lambda: len(rotation.completed(old)) >= len(old) // 2, "a half has run", PATIENCE_S)

    await rotation.stop(both)
    retired_ns, failed = now_ns(), {job: starts()[job] for job in endless}
    ran = rotation.completed(old)
    late = await rotation.enqueue(OLD, SCHEDULED // 10, delay_s=1)  # by a producer that was forgotten
    givers, tampered = [await rotation.enqueue(NEW, TAMPERED, delay_s=1) for _ in range(2)]
    await rotation.tamper(tampered, givers)
    parks = await rotation.parks()
    await rotation.start(NEW)
    await until(lambda: nothing_left(fleet), "each has ended or is parked", PATIENCE_S)

    parked = await rotation.parked()
    unopened = {*old, *late, *endless} - ran
    assert dict.fromkeys(unopened, NO_KEY) | dict.fromkeys(tampered, MOVED) == {
        job: info.reason for job, info in parked.items()
    }
    assert len(parked) == await rotation.parks() - parks, "each was parked once"
    assert not {line.job for line in fleet.ledger.lines("start") if line.ns > retired_ns} & unopened
    assert failed == {job: parked[job].attempts for job in endless}
    assert dict.fromkeys([*ran, *new, *givers], 1) | dict.fromkeys([*mending_old, *mending_new], MENDS_AFTER + 1) == {
        job: count for job, count in starts().items() if job not in endless
    }

    await rotation.start(NEW, count=1)  # looks at all that is parked, as each worker that joins
    await rotation.enqueue(NEW, SCHEDULED // 10)
    await until(lambda: nothing_left(fleet), "those that can be opened go on", PATIENCE_S)
    assert parked == await rotation.parked()
    assert len(parked) == await rotation.parks() - parks, "and none went round"
    tell(
        f"{len(ran)} of {len(old)} ran before their key was retired; {Counter(info.reason for info in parked.values())}"
    )

    await rotation.stop([worker for worker in fleet.workers if worker.process.poll() is None])
    await rotation.start(NEW, OLD, count=1)
    back = unopened - set(endless)
    await until(lambda: rotation.completed(back) == back, "what was parked has run", PATIENCE_S)
    await until(lambda: all(starts()[job] > failed[job] for job in endless), "the others are retried", PATIENCE_S)
    assert {1} == {starts()[job] for job in back}
    assert set(tampered) == (await rotation.parked()).keys(), "no key opens these"
    assert not set(tampered) & starts().keys()
    assert len(parked) == await rotation.parks() - parks
    _judge_places(fleet, own_server)


def _judge_places(fleet, server):
    """Look for what was sealed in all that the server keeps and ever was told, and in what the workers say."""
    places = everything(server.url) | files_of(server.folder)
    places |= {str(worker.output): worker.output.read_bytes() for worker in fleet.workers}
    found = places_of(places, CONTROL)
    assert any("payload" in place for place in found), "the search finds what is there"
    assert any(place.endswith(".aof") for place in found), "and what was there"
    assert [] == places_of(places, CANARY)
