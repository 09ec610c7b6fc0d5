"""The small values that the steps of an attempt hand on: what can be run here, and what is running."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import attrs

from jobframe.core import clock
from jobframe.core.context import Context
from jobframe.core.decide import SUSPECT_CRASHES
from jobframe.core.jobtype import JobType
from jobframe.core.policy import Policy
from jobframe.runtime.messages import Answer, Part, Request
from jobframe.runtime.opening import Readable
from jobframe.store.claim import Claimed
from jobframe.store.keys import field

__all__ = ["Attempt", "Ended", "Runnable", "Work", "cannot_stop"]

Ended = Literal["timeout", "cancel", "interrupt", "lost"]
"""Why an attempt was ended from outside; the first reason stands."""


@attrs.frozen
class Runnable:
    """
    A job type that this worker runs, under the policy in force.

    Attributes:
        type: The job type.
        policy: Its policy in force.
        lane: Where its jobs are claimed from.
        sealed: Names of the fields whose values are told nowhere.

    """

    type: JobType
    policy: Policy
    lane: str
    sealed: tuple[str, ...] = ()


class Work(Protocol):
    """
    What a pool carries out: one attempt, or a call of a batch handler with several.

    Attributes:
        task: What carries it out.
        stop: Ends its handler; the pool sets it where that can be done.

    """

    task: asyncio.Task[None] | None
    stop: Callable[[], object]

    @property
    def ended(self) -> object:
        """Whether all of it was ended from outside."""

    def invoke(self) -> Any:
        """Call the handler; an ``async def`` has to be awaited."""

    def request(self) -> Request:
        """Say what a child needs to call the handler."""

    def take(self, answers: Sequence[Answer]) -> Any:
        """Take over what a child answered: follow-ups, and what the handler returned or raised."""


class Attempt:
    """
    One attempt under way: what was claimed, what was opened from it, and how it may have been ended from outside.

    Attributes:
        claimed: The job as the store answered it.
        runnable: Its type and policy.
        policy: The policy with the job's own timeout and retries in it.
        envelope: What travels with the job.
        record: What happened to it before.
        context: What the handler is given.
        payload: The decoded payload.
        found: Everything that was read of the job.
        started: Monotonic seconds when it was opened.
        ended: Why it was ended from outside, None while it was not.
        reason: The canceller's reason.
        stop: Ends the handler where that can be done: cancels its task, kills its child; does nothing for a thread.
        deadline: Monotonic seconds when it times out; never, until its handler could start.
        name: ``type<tab>id``.
        task: What carries it out, once it is started.

    """

    __slots__ = (
        "claimed", "context", "deadline", "ended", "envelope", "found", "name", "payload", "policy", "reason", "record",
        "runnable", "started", "stop", "task",
    )  # fmt: skip

    def __init__(
        self,
        claimed: Claimed,
        runnable: Runnable,
        policy: Policy,
        found: Readable,
        context: Context,
        started: float,
    ) -> None:
        """Hold what was opened."""
        self.claimed = claimed
        self.runnable = runnable
        self.policy = policy
        self.found = found
        self.envelope = found.envelope
        self.record = found.record
        self.context = context
        self.payload = found.payload
        self.started = started
        self.ended: Ended | None = None
        self.reason = ""
        self.stop: Callable[[], object] = cannot_stop
        self.deadline = math.inf
        self.name = field(claimed.type, claimed.unique)
        self.task: asyncio.Task[None] | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether it must run in a child process of its own: so many processes have died while it ran."""
        return self.record.crashes >= SUSPECT_CRASHES

    @property
    def pool(self) -> str:
        """Which pool runs it."""
        return "suspects" if self.is_suspect else self.policy.run_in

    @property
    def seen(self) -> bytes:
        """JSON of the payloads whose values the handler may name in an error."""
        return bytes(self.envelope.body)

    @property
    def secret(self) -> bytes:
        """JSON list of the values that the handler may tell nowhere."""
        return self.found.secret

    def invoke(self) -> Any:
        """Call the handler."""
        return self.runnable.type.run(self.context, self.payload)

    def request(self) -> Request:
        """Say what a child needs to call the handler."""
        return Request(self.claimed.type, (self.part(),), self.context.worker)

    def part(self) -> Part:
        """Say what a child needs of this attempt."""
        context = self.context
        return Part(
            body=bytes(self.envelope.body),
            secret=self.found.secret,
            facts={
                "job_id": context.job_id,
                "attempt": context.attempt,
                "max_attempts": context.max_attempts,
                "fence": context.fence,
                "enqueued_ms": context.times_ms[0],
                "deadline_ms": clock.wall_ms() + self.policy.timeout_ms,
                "headers": dict(context.headers),
            },
        )

    def take(self, answers: Sequence[Answer]) -> Any:
        """Take over the follow-ups that a child's handler made and return its result, or raise what it raised."""
        (answer,) = answers
        return answer.take(self.context)

    def end(self, why: Ended, reason: str = "") -> None:
        """End it from outside, unless something else ended it before."""
        if self.ended is None:
            self.ended = why
            self.reason = reason
            self.stop()


def cannot_stop() -> None:
    """Do nothing: a thread runs on until its handler returns."""
