"""What stands for one job: its state, its result, its cancelling."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from jobframe.core.duration import to_delay_ms
from jobframe.core.errors import JobCancelled, JobFailed
from jobframe.core.job import JobInfo, State
from jobframe.store import inspect

if TYPE_CHECKING:
    from jobframe.client.jobs import Jobs

__all__ = ["Handle"]


class Handle:
    """
    One job.

    Attributes:
        id: Job id, ``<type>:<unique part>``.
        created: False when an equal job was found and is what this handle stands for.

    """

    __slots__ = ("_jobs", "created", "id")

    def __init__(self, jobs: Jobs, id: str, *, created: bool) -> None:
        """Stand for job *id* of *jobs*."""
        self._jobs = jobs
        self.id = id
        self.created = created

    async def status(self) -> State:
        """
        Return the state it is in.

        Raises:
            JobNotFound: Its record is no longer kept.

        """
        return (await self.info()).state

    async def info(self) -> JobInfo:
        """
        Return all that is known of it, except its payload.

        Raises:
            JobNotFound: Its record is no longer kept.

        """
        return await inspect.info(self._jobs.store, self.id)

    async def result(self, timeout: str | dt.timedelta | float | None = None) -> Any:  # noqa: ASYNC109 - the contract's word
        """
        Wait until it has ended and return the handler's result.

        Args:
            timeout: Longest wait: seconds, a duration such as ``"30s"`` or a ``timedelta``; None waits for ever.

        Raises:
            JobFailed: It ended as failed.
            JobCancelled: It ended as cancelled.
            Timeout: It did not end in time; it goes on.
            JobNotFound: Its record is no longer kept.
            StoreUnavailable: The server cannot be reached and the time is up, or there is no limit.

        """
        ended = await self._jobs.ends.wait(self.id, _seconds(timeout))
        if ended.state == State.COMPLETED:
            return msgspec.json.decode(ended.detail) if ended.detail else None
        reason = ended.detail.decode()
        raise JobFailed(self.id, reason) if ended.state == State.FAILED else JobCancelled(self.id, reason)

    async def cancel(self, reason: str = "") -> State:
        """Cancel it; see `Jobs.cancel`."""
        return await self._jobs.cancel(self.id, reason)

    def __repr__(self) -> str:
        """Job id."""
        return f"<Handle {self.id}>"


def _seconds(timeout: str | dt.timedelta | float | None) -> float | None:
    if timeout is None or isinstance(timeout, int | float):
        return timeout
    return to_delay_ms(timeout) / 1000
