"""Turns what the scripts that look answer, flat lists of bytes, into frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from jobframe.core import ids
from jobframe.core.job import TERMINAL, JobInfo, State
from jobframe.core.progress import Progress
from jobframe.store.codec import Record, Unreadable
from jobframe.store.policies import Member
from jobframe.store.stats import COUNTS_SINCE, ServerFacts, Snapshot, TypeStats, WorkerStats

__all__ = ["jobs", "rows", "snapshot", "text", "workers"]

_COUNTERS = ("completed", "failed", "cancelled", "parked", "retried", "snoozed", "crashed", "interrupted", "expired")
_PER_TYPE = 10 + len(_COUNTERS) + 1
_PER_WORKER = 4
_PER_JOB = 10
_STRANGER = Member(host="", pid=0, started_at=0, types=(), kind="", max_jobs=0, lease_ms=12_000, version="")
_decode_member = msgspec.json.Decoder(Member).decode
_decode_progress = msgspec.json.Decoder(Progress).decode

Histograms = Mapping[bytes, Mapping[int, int]]


def snapshot(
    now: bytes,
    type_rows: Sequence[Any],
    worker_rows: Sequence[Any],
    histograms: Sequence[Any],
    server: bytes,
    epoch: bytes,
    digests: Sequence[bytes],
) -> Snapshot:
    """Read the answer of ``snapshot.lua``."""
    now_ms = int(now)
    waits, runs = _waits_and_runs(histograms)
    stats = [_type_stats(row, now_ms, waits, runs) for row in rows(type_rows, _PER_TYPE)]
    return Snapshot(
        now_ms=now_ms,
        types=tuple(sorted(stats, key=lambda each: each.type)),
        workers=workers(worker_rows, now_ms, {text(name): text(digest) for name, digest in rows(digests, 2)}),
        server=_server_facts(server),
        epoch=int(epoch),
    )


def jobs(flat: Sequence[Any]) -> tuple[JobInfo, ...]:
    """Read the jobs in the answer of ``list_jobs.lua``."""
    return tuple(_job_info(row) for row in rows(flat, _PER_JOB))


def workers(
    flat: Sequence[Any], now_ms: int, in_force: Mapping[str, str] = MappingProxyType({})
) -> tuple[WorkerStats, ...]:
    """Read the workers that ``read_workers.lua`` lists; *in_force* has the fingerprints of the policies in force."""
    return tuple(_worker_stats(row, now_ms, in_force) for row in rows(flat, _PER_WORKER))


def rows(flat: Sequence[Any], width: int) -> Iterable[tuple[Any, ...]]:
    """Cut a flat answer into rows of *width* values."""
    return zip(*[iter(flat)] * width, strict=True)


def _type_stats(row: Sequence[Any], now_ms: int, waits: Histograms, runs: Histograms) -> TypeStats:
    name, announced, cap, paused, active, failed, parked, waiting, delayed, oldest, *counters, failed_today = row
    since = dict(zip(_COUNTERS, (int(count or 0) for count in counters), strict=True))
    now = {"active": active, "waiting": waiting, "failed": failed, "delayed": delayed, "parked": parked}
    return TypeStats(
        type=text(name),
        announced=bool(announced),
        counts=now | {counter: since[counter] for counter in COUNTS_SINCE},
        failures=since["failed"],
        failed_today=int(failed_today or 0),
        oldest_waiting_ms=now_ms - int(oldest) if oldest else None,
        limit=cap or None,
        paused=bool(paused),
        waits=waits.get(name, {}),
        runs=runs.get(name, {}),
    )


def _waits_and_runs(flat: Sequence[bytes]) -> tuple[Histograms, Histograms]:
    """Add up the hashes of each type: their fields are ``w<bucket>`` for waits and ``r<bucket>`` for runs."""
    by_type: dict[bytes, dict[bytes, int]] = {}
    for name, hash_ in rows(flat, 2):
        sums = by_type.setdefault(name, {})
        for field, count in rows(hash_.split(), 2):
            sums[field] = sums.get(field, 0) + int(count)
    waits, runs = (
        {
            name: {int(field[1:]): count for field, count in sums.items() if field[:1] == kind}
            for name, sums in by_type.items()
        }
        for kind in (b"w", b"r")
    )
    return waits, runs


def _worker_stats(row: Sequence[Any], now_ms: int, in_force: Mapping[str, str]) -> WorkerStats:
    name, lease_end, held, document = row
    try:
        member = _decode_member(document)
    except msgspec.MsgspecError:
        member = _STRANGER
    left_ms = int(float(lease_end)) - now_ms
    return WorkerStats(
        worker=text(name),
        alive=0 < left_ms <= 2 * member.lease_ms,  # later than any clock of this server could have granted: ended
        heartbeat_age_ms=max(0, member.lease_ms - left_ms),
        held=held,
        member=member,
        differs=tuple(sorted(name for name, own in member.digests.items() if in_force.get(name, own) != own)),
    )


def _server_facts(info: bytes) -> ServerFacts:
    facts = dict(line.split(":", 1) for line in text(info).splitlines() if ":" in line)
    limit = int(facts.get("maxmemory", 0))
    return ServerFacts(
        aof=facts.get("aof_enabled") == "1",
        evicts=facts.get("maxmemory_policy", "noeviction") != "noeviction",
        full=0 < limit <= int(facts.get("used_memory", 0)),
        replica=facts.get("role", "master") != "master",
        replicas=int(facts.get("connected_slaves", 0)),
        version=tuple(int(part) for part in facts.get("redis_version", "").split(".") if part.isdigit()),
        product=_product(facts),
    )


def _product(facts: dict[str, str]) -> str:
    if "valkey_version" in facts:
        return f"Valkey {facts['valkey_version']}"
    return f"Redis {facts.get('redis_version', 'of unknown version')}"


def _job_info(row: Sequence[bytes]) -> JobInfo:
    type_name, state, unique, score, stamp, worker, record, reason, progress, steps = row
    in_state, at_ms = State(text(state)), int(float(score))
    try:
        history = Record.decode(record)
    except Unreadable:
        history = Record()  # a damaged record hides no job
    retried_ms, _, retried_by = history.retried.partition(" ")
    return JobInfo(
        id=ids.join(text(type_name), text(unique)),
        type=text(type_name),
        state=in_state,
        enqueued_ms=int(stamp) if stamp.isdigit() else None,
        due_ms=at_ms if in_state in (State.WAITING, State.DELAYED) else None,
        started_ms=at_ms if in_state is State.ACTIVE else None,
        finished_ms=at_ms if in_state in TERMINAL or in_state is State.PARKED else None,
        worker=text(worker) or None,
        attempts=history.attempts,
        crashes=history.crashes,
        interrupts=history.interrupts,
        snoozes=history.snoozes,
        reason=text(reason),
        errors=history.errors,
        progress=_progress(progress, at_ms if in_state is State.ACTIVE else 0),
        steps=tuple(text(steps).splitlines()),
        retried_ms=int(retried_ms) if retried_ms.isdigit() else None,
        retried_by=retried_by,
    )


def _progress(value: bytes, since_ms: int) -> Progress | None:
    """Read what a handler reported, unless that was before *since_ms*, in an earlier run."""
    try:
        progress = _decode_progress(value)
    except (ValueError, RecursionError):  # absent, or damaged: it hides no job
        return None
    return progress if (progress.at_ms or 0) >= since_ms else None


def text(value: bytes) -> str:
    """Decode what stands there, whatever it is: it must be possible to look at it."""
    return value.decode(errors="backslashreplace")
