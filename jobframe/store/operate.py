"""The operator's verbs: cancel, retry, pause and resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs
import msgspec

from jobframe.core import ids
from jobframe.core.errors import JobframeError, JobNotFound, UnknownJobType
from jobframe.core.job import JobInfo, State
from jobframe.store.store import Store

__all__ = ["KeyHeld", "NotRetryable", "Verdict", "cancel", "pause", "retry", "retry_some"]


class NotRetryable(JobframeError):
    """
    Only failed, cancelled and parked jobs can be retried.

    Attributes:
        id: Job id.
        state: The state it is in.

    """

    def __init__(self, id: str, state: str) -> None:
        """Keep *id* and *state*."""
        super().__init__(f"job {id} is {state}: only failed, cancelled and parked jobs can be retried")
        self.id = id
        self.state = state


class KeyHeld(JobframeError):
    """
    A live job holds the same exclusion key.

    Attributes:
        id: Job that was to be retried.
        holder: Job that holds the key.

    """

    def __init__(self, id: str, holder: str) -> None:
        """Keep *id* and *holder*."""
        super().__init__(f"job {id} cannot be retried: {holder} holds the same key; wait for it or cancel it")
        self.id = id
        self.holder = holder


async def cancel(store: Store, job_id: str, reason: str = "") -> State:
    """
    Cancel a job, whatever it is doing.

    Returns:
        ``cancelled`` when it is; ``active`` when its worker was asked to; ``completed`` or ``failed`` when it was over.

    Raises:
        JobNotFound: No such job.
        StoreUnavailable: The server cannot be reached or used.

    """
    type_name, unique = ids.split(job_id)
    state = (await store.run("cancel", type_name, unique, reason)).decode()
    if state == "none":
        raise JobNotFound(job_id)
    return State(state)


async def retry(store: Store, job_id: str, who: str) -> None:
    """
    Queue a failed, cancelled or parked job again: attempts from 0, history kept, and *who* asked for it.

    Raises:
        JobNotFound: No such job.
        NotRetryable: It is in another state.
        KeyHeld: A live job holds its exclusion key.
        StoreUnavailable: The server cannot be reached or used.

    """
    type_name, unique = ids.split(job_id)
    _, verdict, detail = await store.run("retry", type_name, who, 0, 0, "", unique, "")
    if refusal := _refusal(job_id, type_name, verdict.decode(), detail.decode()):
        raise refusal


@attrs.frozen
class Verdict:
    """
    What became of one job of `retry_some`.

    Attributes:
        id: Job id.
        refusal: None when it is queued again, else why it is not.

    """

    id: str
    refusal: JobframeError | None


async def retry_some(
    store: Store, jobs: Sequence[JobInfo], state: State, who: str, *, gap_us: int = 0, next_us: int = 0
) -> tuple[list[Verdict], int]:
    """
    Queue again those of *jobs*, all of one type, that are still in *state* and since the same moment.

    Args:
        store: Where.
        jobs: Some jobs as they were seen, a page at most: the script reads their payloads, in which the keys stand.
        state: The state they were seen in.
        who: Who asks for it.
        gap_us: So many microseconds after one job the next is due; 0 has all due now.
        next_us: When the first is due, as the call before answered it, or 0 for now.

    Returns:
        What became of each, and when the next may be due.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    type_name = jobs[0].type
    members = [part for each in jobs for part in (ids.split(each.id)[1], each.since_ms or "")]
    due, *answer = await store.run("retry", type_name, who, gap_us, next_us, state, *members)
    return [
        Verdict(each.id, _refusal(each.id, type_name, verdict.decode(), detail.decode()))
        for each, verdict, detail in zip(jobs, answer[::2], answer[1::2], strict=True)
    ], int(due)


def _refusal(job_id: str, type_name: str, verdict: str, detail: str) -> JobframeError | None:
    match verdict:
        case "NONE":
            return JobNotFound(job_id)
        case "STATE":
            return NotRetryable(job_id, detail)
        case "HELD":
            return KeyHeld(job_id, ids.join(type_name, detail))
    return None


async def pause(store: Store, type_name: str, action: Literal["pause", "resume"], who: str) -> None:
    """
    Pause a type, so that no job of it starts, or let it run again; running jobs go on.

    Raises:
        UnknownJobType: Nobody ever announced the type.
        StoreUnavailable: The server cannot be reached or used.

    """
    by = msgspec.json.encode({"by": who})
    if not await store.run("pause", type_name, int(action == "pause"), by):
        raise UnknownJobType(type_name)
