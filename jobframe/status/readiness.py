"""
The checks of ``/readyz``, pure: from what was read to a verdict with its reason.

Only what keeps *this* process from serving fails; trouble of the fleet degrades, so that one bad worker does not take
every good one out of service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum

import attrs

from jobframe.store.fitness import concerns
from jobframe.store.inspect import Snapshot, TypeStats, WorkerStats

__all__ = ["Check", "Verdict", "check_fleet", "check_plugins", "check_server", "check_worker", "worst"]

LOOP_BLOCKED_MS = 5_000
MOST_NAMES = 5
MOST_TEXT = 200


class Verdict(IntEnum):
    """How bad it is; the worst of all checks counts."""

    OK = 0
    #: This process serves; something else needs a look.
    DEGRADED = 1
    #: This process cannot serve.
    FAILING = 2


@attrs.frozen
class Check:
    """
    One thing looked at.

    Attributes:
        name: What was looked at.
        verdict: How bad it is.
        reason: What was found; never data of a job.

    """

    name: str
    verdict: Verdict
    reason: str


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the worst verdict."""
    return max((check.verdict for check in checks), default=Verdict.OK)


def check_worker(heartbeat_age_ms: int | None, lease_ms: int, lag_ms: int) -> Iterator[Check]:
    """Judge the worker of this process: its lease and its event loop."""
    if heartbeat_age_ms is None:
        yield Check(
            "heartbeat", Verdict.FAILING, "this worker is in no fleet: it is starting, stopping, or was taken over"
        )
    else:
        held = heartbeat_age_ms < lease_ms
        text = f"lease of {_seconds(lease_ms)} last renewed {_seconds(heartbeat_age_ms)} ago"
        yield Check("heartbeat", Verdict.OK if held else Verdict.FAILING, text)
    if lag_ms < LOOP_BLOCKED_MS:
        yield Check("loop", Verdict.OK, f"event loop {_seconds(lag_ms)} late")
    else:
        text = f"event loop blocked for {_seconds(lag_ms)}: a handler keeps it busy; give it run_in = thread or process"
        yield Check("loop", Verdict.FAILING, text)


def check_server(snapshot: Snapshot, durability: str) -> Iterator[Check]:
    """Judge the server against the ``durability`` that the configuration asks for; a worker still serves meanwhile."""
    found = {concern.about: concern.text for concern in concerns(snapshot.server, durability)}
    if durability == "best-effort":
        found.pop("eviction", None)  # it was asked for
        fine = "best-effort: jobs may be lost with the server"
    else:
        fine = "append-only file on"
    if durability == "replicated":
        fine += f", replicas: {snapshot.server.replicas}"
    yield from (Check(about, Verdict.DEGRADED, found[about]) for about in ("version", "role") if about in found)
    yield _check("durability", found.get("eviction") or found.get("replicas") or found.get("persistence"), fine)
    yield _check("memory", found.get("memory"), "below the server's maxmemory")


def check_fleet(snapshot: Snapshot) -> Iterator[Check]:
    """Judge the workers, and the types that wait for one."""
    alive = [worker for worker in snapshot.workers if worker.alive]
    stale = [worker for worker in snapshot.workers if not worker.alive]
    if not alive:
        yield Check("workers", Verdict.DEGRADED, "no worker is alive: jobs wait until one starts")
    elif stale:
        silent_ms = max(worker.heartbeat_age_ms for worker in stale)
        text = f"{len(alive)} alive, {len(stale)} stale, the longest silent for {_seconds(silent_ms)}"
        yield Check("workers", Verdict.DEGRADED, text)
    else:
        oldest_ms = max(worker.heartbeat_age_ms for worker in alive)
        yield Check("workers", Verdict.OK, f"{len(alive)} alive, the oldest heartbeat {_seconds(oldest_ms)} ago")
    yield _check_files(alive)
    run = {name for worker in alive for name in worker.member.types}
    orphans = [stats for stats in snapshot.types if _has_work(stats) and stats.type not in run]
    yield _check_names(
        "types", orphans, "no live worker runs {}: its jobs wait", "every type with jobs has a live worker"
    )
    paused = [stats for stats in snapshot.types if stats.paused]
    yield _check_names("paused", paused, "an operator paused {}", "no type is paused")


def check_plugins(found: Mapping[str, str | None]) -> Iterator[Check]:
    """Pass on what the plugins' own checks say: name → None, or what is wrong."""
    for name, trouble in sorted(found.items()):
        text = " ".join(trouble.split())[:MOST_TEXT] if trouble else "all is well"
        yield Check(f"plugin {name}", Verdict.DEGRADED if trouble else Verdict.OK, text)


def _check(name: str, trouble: str | None, fine: str) -> Check:
    return Check(name, Verdict.DEGRADED if trouble else Verdict.OK, trouble or fine)


def _check_files(alive: list[WorkerStats]) -> Check:
    differing = [worker for worker in alive if worker.differs]
    if not differing:
        return Check("policy", Verdict.OK, "the workers' files say what is in force")
    names = sorted({name for worker in differing for name in worker.differs})
    text = f"the files of {len(differing)} of {len(alive)} workers say another policy than is in force for"
    return Check("policy", Verdict.DEGRADED, f"{text} {_some(names)}: jobframe workers names them")


def _check_names(name: str, found: list[TypeStats], trouble: str, fine: str) -> Check:
    if not found:
        return Check(name, Verdict.OK, fine)
    return Check(name, Verdict.DEGRADED, trouble.format(_some([stats.type for stats in found])))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _has_work(stats: TypeStats) -> bool:
    return stats.counts["waiting"] + stats.counts["delayed"] > 0


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms} ms"  # noqa: PLR2004 - one second
