"""The job types that keep the store tidy; enqueue them by hand, or from a schedule of your own."""

from __future__ import annotations

from typing import Literal

import attrs

from jobframe import Context, Fail, job

__all__ = ["Doctor", "Purge", "doctor", "purge", "vacuum"]

_MOST_IDS = 20
"""Ids named per trouble: a result is for reading."""


@attrs.frozen
class Purge:
    """
    Which jobs to remove.

    Attributes:
        state: In which state they are; active ones must be cancelled instead.
        type: Only of this type; empty is all.
        older_than: Only those that ended, were parked or came due at least this long ago.

    """

    state: Literal["waiting", "delayed", "completed", "failed", "cancelled", "parked"]
    type: str = ""
    older_than: str = "0s"


@attrs.frozen
class Doctor:
    """
    Whether to mend what is found.

    Attributes:
        repair: False only reports.

    """

    repair: bool = False


@job("maintenance.purge", timeout="1h", concurrency=1)
async def purge(ctx: Context, payload: Purge) -> dict[str, int]:
    """Remove jobs by state, type and age; returns how many were ``removed``."""
    try:
        removed = await ctx.jobs.purge(payload.type or None, state=payload.state, older_than=payload.older_than)
    except ValueError as error:
        raise Fail(str(error)) from None
    return {"removed": removed}


@job("maintenance.doctor", timeout="1h", concurrency=1)
async def doctor(ctx: Context, payload: Doctor) -> dict[str, object]:
    """
    Look for jobs that a damaged store has left in no proper state, and mend them when asked to.

    Returns:
        How many entries were ``looked_at``, whether all that was found was ``repaired``, and as ``troubles`` what that
        is: how many jobs have each trouble, and the ids of the first.

    """
    from jobframe.store.doctor import examine  # noqa: PLC0415 - redis-py: listing the plugins does without

    examined = await examine(ctx.jobs.store, repair=payload.repair)
    troubles = {name: {"jobs": len(ids), "first": ids[:_MOST_IDS]} for name, ids in examined.troubles.items()}
    return {"looked_at": examined.looked_at, "repaired": examined.repaired, "troubles": troubles}


@job("maintenance.vacuum", timeout="1h", concurrency=1)
async def vacuum(ctx: Context) -> dict[str, int]:
    """Remove at once what the policies keep no longer, as after lowering ``keep_completed``; returns how many jobs."""
    from jobframe.store.purge import trim  # noqa: PLC0415 - see doctor

    return {"removed": await trim(ctx.jobs.store)}
