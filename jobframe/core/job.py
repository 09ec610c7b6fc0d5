"""The nouns of a job: its states, what a producer asks for, what an operator sees."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import attrs

from jobframe.core.progress import Progress

__all__ = ["AttemptError", "JobInfo", "NewJob", "State"]


class State(StrEnum):
    """The one state a job is in; only the store's scripts move it."""

    #: Due, and not yet claimed by a worker.
    WAITING = "waiting"
    #: Not yet due: enqueued with a delay, or between two attempts.
    DELAYED = "delayed"
    #: Claimed by a worker; left by settle, or by the sweep when its worker died.
    ACTIVE = "active"
    #: The handler returned; kept for ``keep_result``.
    COMPLETED = "completed"
    #: Dead letter: kept with its reason and payload for inspection and replay.
    FAILED = "failed"
    #: Ended by an operator or by the handler's `Cancel`.
    CANCELLED = "cancelled"
    #: Cannot be run by what is installed now; kept until something can.
    PARKED = "parked"


TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


@attrs.frozen
class NewJob:
    """
    One job for `Jobs.enqueue_many`; the fields are those of `Jobs.enqueue`.

    Attributes:
        type: Job type, by name or as the `JobType` itself.
        payload: The attrs object, a dict, or None for no fields.
        id: The unique part of the job id, made when absent.
        key: At most one live job of the type has it.
        delay: Earliest start from now: ``"5m"`` or a ``timedelta``.
        at: Earliest start, as an aware datetime; not together with *delay*.
        priority: ``high``, ``normal`` or ``low``; the type's own when absent.
        expires: The job never starts later than this after its enqueue.
        timeout: Time limit of one attempt, instead of the type's.
        max_retries: Attempts after the first, instead of the type's.
        headers: Small strings that travel with the job, for tracing.

    """

    type: Any
    payload: Any = attrs.field(default=None, repr=False)
    id: str | None = None
    key: str | None = None
    delay: str | dt.timedelta | None = None
    at: dt.datetime | None = None
    priority: str | None = None
    expires: str | dt.timedelta | None = None
    timeout: str | dt.timedelta | None = None
    max_retries: int | None = None
    headers: dict[str, str] | None = None


@attrs.frozen
class AttemptError:
    """
    What went wrong in one attempt; the texts are scrubbed of payload values and bounded.

    Attributes:
        attempt: Number of the attempt, from 1.
        at_ms: When it ended, worker's wall clock.
        worker: Which worker ran it.
        run_ms: How long it ran.
        error: Class of the exception, ``module.Name``, or ``timeout``.
        message: Its text.
        trace: Innermost frames as ``file:line function``, outermost first; no source, no values.

    """

    attempt: int
    at_ms: int
    worker: str
    run_ms: int
    error: str
    message: str = ""
    trace: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class JobInfo:
    """
    Everything the store knows of one job except its payload.

    Attributes:
        id: Job id, ``<type>:<unique part>``.
        type: Job type.
        state: The state it is in.
        enqueued_ms: When it was enqueued, server clock; None once the payload is dropped.
        due_ms: When it is or was due; None unless waiting or delayed.
        started_ms: When the running attempt was claimed; None unless active.
        finished_ms: When it ended or was parked; None before.
        worker: Who runs it; None unless active.
        attempts: Attempts that raised or timed out.
        crashes: Times its worker died under it.
        interrupts: Times it was given back at a shutdown.
        snoozes: Times it asked to be run later.
        reason: Why it failed, was cancelled or parked; empty otherwise.
        errors: One `AttemptError` per failed attempt kept, oldest first.
        progress: What its handler last reported: of an active job in this run, of any other in the last that did.
        steps: Names of the steps that are done and not repeated, in the order in which they were.
        retried_ms: When an operator last retried it; None when nobody did.
        retried_by: Who did: ``user@host``.

    """

    id: str
    type: str
    state: State
    enqueued_ms: int | None = None
    due_ms: int | None = None
    started_ms: int | None = None
    finished_ms: int | None = None
    worker: str | None = None
    attempts: int = 0
    crashes: int = 0
    interrupts: int = 0
    snoozes: int = 0
    reason: str = ""
    errors: tuple[AttemptError, ...] = ()
    progress: Progress | None = None
    steps: tuple[str, ...] = ()
    retried_ms: int | None = None
    retried_by: str = ""

    @property
    def since_ms(self) -> int | None:
        """When it entered its state, or is due."""
        moments = (self.finished_ms, self.started_ms, self.due_ms, self.enqueued_ms)
        return next((ms for ms in moments if ms is not None), None)
