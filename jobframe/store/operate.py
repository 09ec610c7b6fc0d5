"""The operator's verbs: cancel, retry, pause and resume."""

from __future__ import annotations

from typing import Literal

import msgspec

from jobframe.core import ids
from jobframe.core.errors import JobframeError, JobNotFound, UnknownJobType
from jobframe.core.job import State
from jobframe.store.store import Store

__all__ = ["KeyHeld", "NotRetryable", "cancel", "pause", "retry"]


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


async def retry(store: Store, job_id: str) -> None:
    """
    Queue a failed, cancelled or parked job again: attempts from 0, history kept.

    Raises:
        JobNotFound: No such job.
        NotRetryable: It is in another state.
        KeyHeld: A live job holds its exclusion key.
        StoreUnavailable: The server cannot be reached or used.

    """
    type_name, unique = ids.split(job_id)
    verdict, *detail = [part.decode() for part in await store.run("retry", type_name, unique)]
    match verdict:
        case "NONE":
            raise JobNotFound(job_id)
        case "STATE":
            raise NotRetryable(job_id, detail[0])
        case "HELD":
            raise KeyHeld(job_id, ids.join(type_name, detail[0]))


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
