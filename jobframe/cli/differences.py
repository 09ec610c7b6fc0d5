"""What differs between two documents of a type, and between what is in force and what workers have in their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobframe.config.changes import Change, Load, changes
from jobframe.store.policies import InForce
from jobframe.store.stats import WorkerStats

__all__ = ["differences", "drift"]


def differences(before: InForce, after: InForce, load: Load) -> Iterator[Change]:
    """Tell key by key what differs in the policy, then what the handler's code declares anew."""
    yield from changes(after.type, before.policy, after.policy, load)
    for what in ("payload_version", "fields", "restricted", "batch"):
        old, new = getattr(before, what), getattr(after, what)
        if old != new:
            yield Change(after.type, what, _shown(old), _shown(new), "by the handler's code")


def drift(workers: Iterable[WorkerStats]) -> Iterator[str]:
    """Name the living workers whose own files say something else than is in force."""
    for worker in workers:
        if worker.alive and worker.differs:
            where = f"{worker.worker} on {worker.member.host}"
            yield f"the file of worker {where} differs from what is in force for {', '.join(worker.differs)}"


def _shown(value: int | tuple[str, ...]) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
