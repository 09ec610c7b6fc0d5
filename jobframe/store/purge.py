"""Removing jobs: on an operator's word, or because the policy keeps no more of them."""

from __future__ import annotations

from collections.abc import Sequence

from jobframe.core import ids
from jobframe.core.job import JobInfo, State
from jobframe.store import inspect
from jobframe.store.store import Store

__all__ = ["check_state", "count", "purge", "purge_some", "trim"]

_AT_ONCE = 500
"""Jobs per call: the server answers nobody else meanwhile."""


async def purge(store: Store, type_name: str | None, state: State, older_than_ms: int = 0) -> int:
    """
    Remove jobs with all that is kept of them.

    Args:
        store: The store.
        type_name: Only of this type; None is all.
        state: Only in this state; not ``active``.
        older_than_ms: Only those that ended, were parked or came due at least this long ago.

    Returns:
        How many were removed; a completed job whose id the caller chose stays for ten minutes after its end.

    Raises:
        StoreUnavailable: The server cannot be reached or used.
        ValueError: The state is ``active``.

    """
    removed = 0
    for name in await _types(store, type_name, state):
        more = 1
        while more:
            some, more = await store.run("purge", name, state, older_than_ms, _AT_ONCE)
            removed += some
    return removed


async def purge_some(
    store: Store, jobs: Sequence[JobInfo], state: State, older_than_ms: int = 0, *, dry_run: bool = False
) -> int:
    """Remove, or only count, those of *jobs*, all of one type, that `purge` would, unless they changed meanwhile."""
    members = [part for each in jobs for part in (ids.split(each.id)[1], each.since_ms or 0)]
    total, more = 0, 1
    while more:
        some, more = await store.run("purge", jobs[0].type, state, older_than_ms, 0 if dry_run else _AT_ONCE, *members)
        total += some
    return total


async def count(store: Store, type_name: str | None, state: State, older_than_ms: int = 0) -> int:
    """Count the jobs that `purge` would remove; arguments and errors are the same."""
    total = 0
    for name in await _types(store, type_name, state):
        total += (await store.run("purge", name, state, older_than_ms, 0))[0]
    return total


async def trim(store: Store) -> int:
    """
    Remove what the policies in force keep no longer, now, instead of bit by bit as the workers sweep.

    Returns:
        How many jobs were removed.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    total = 0
    for each in await inspect.types(store):
        while removed := await store.run("trim", each.type, _AT_ONCE):
            total += removed
    return total


def check_state(state: State) -> None:
    """
    Refuse the state whose jobs cannot be removed.

    Raises:
        ValueError: It is ``active``.

    """
    if state is State.ACTIVE:
        raise ValueError("active jobs cannot be purged: cancel them, and they end")


async def _types(store: Store, type_name: str | None, state: State) -> list[str]:
    check_state(state)
    if type_name is not None:
        return [type_name]
    return [each.type for each in (await inspect.snapshot(store, "")).types]
