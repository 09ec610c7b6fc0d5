"""Waiting for a job's end."""

from __future__ import annotations

import attrs

from jobframe.core import ids
from jobframe.core.errors import JobNotFound
from jobframe.store.store import Store

__all__ = ["Ended", "await_result"]


@attrs.frozen
class Ended:
    """
    How a job ended.

    Attributes:
        state: completed, failed or cancelled.
        detail: The result's JSON, empty for None; or the reason.

    """

    state: str
    detail: bytes


async def await_result(store: Store, job_id: str, client: str) -> Ended | None:
    """
    Ask how a job ended; if it has not, have *client* told on its channel when it does.

    Raises:
        JobNotFound: No such job.
        StoreUnavailable: The server cannot be reached or used.

    """
    type_name, unique = ids.split(job_id)
    state, detail = await store.run("await_result", type_name, unique, client)
    if state == b"none":
        raise JobNotFound(job_id)
    return Ended(state.decode(), detail) if state else None
