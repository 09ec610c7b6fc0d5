"""What the model knows of one job, and where it lets jobs wait."""

from __future__ import annotations

import attrs

from jobframe.core.outcome import (
    Cancelled,
    Completed,
    Crashed,
    Failed,
    Interrupted,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobframe.core.policy import Policy
from jobframe.store.codec import WEIGHTS, Record

OVER = ("completed", "failed", "cancelled")
STATE_AFTER: dict[type, str] = {Completed: "completed", Failed: "failed", Cancelled: "cancelled", Parked: "parked"}
COUNTED: dict[type, str] = {
    Retried: "attempts", Failed: "attempts", Crashed: "crashes", Interrupted: "interrupts", Snoozed: "snoozes",
}  # fmt: skip
BOOST_MS = {"h": 60_000, "n": 0, "l": -60_000}


@attrs.define(kw_only=True)
class Job:
    """
    What the model knows of one job.

    Attributes:
        due: When it may start, at the earliest.
        enqueued: From when on the time until it expires counts.
        given: Whether its producer chose the id.
        priority: Its own priority; None is the type's.
        level: Which of the type's three queues it stands in.
        record: What happened to it so far.
        after: The job that it stands behind, if any.
        first: When it was first enqueued, if its payload was replaced since.
        released: Whether its end was seen to have freed its key.
        needs: Version of the payload that a worker must read to release it, when it is parked for that.

    """

    type: str
    unique: str
    due: int
    enqueued: int
    key: str | None
    given: bool
    expires: int | None
    priority: str | None
    level: str = "n"
    state: str = "queued"
    worker: str = ""
    fence: int = 0
    cancel_asked: bool = False
    record: Record = attrs.field(factory=Record)
    after: Job | None = None
    first: int | None = None
    released: bool = False
    needs: int | None = None

    @property
    def is_live(self) -> bool:
        return self.state in ("queued", "active", "parked")

    @property
    def is_held_back(self) -> bool:
        return self.after is not None and self.after.is_live

    @property
    def id(self) -> str:
        return f"{self.type}:{self.unique}"

    @property
    def field(self) -> str:
        return f"{self.type}\t{self.unique}"

    @property
    def turn(self) -> int:
        """What jobs of a type start in the order of."""
        return self.due - BOOST_MS[self.level]

    def end(self, state: str) -> None:
        self.state, self.worker, self.cancel_asked, self.needs = state, "", False, None

    def count(self, what: str) -> None:
        self.record = attrs.evolve(self.record, **{what: getattr(self.record, what) + 1})

    def recorded(self, outcome: Outcome) -> Record:
        """Return the record that its worker would send along with this outcome; a completed job keeps none."""
        what = COUNTED.get(type(outcome))
        return attrs.evolve(self.record, **{what: getattr(self.record, what) + 1}) if what else self.record


@attrs.define
class Jobs:
    """
    All jobs there are, by their ids, and the policies in force.

    Attributes:
        jobs: Every job there is, by its id.
        policies: What is in force for the types announced so far.

    """

    jobs: dict[str, Job] = attrs.field(factory=dict)
    policies: dict[str, Policy] = attrs.field(factory=dict)

    def of(self, state: str, worker: str | None = None) -> list[Job]:
        return [job for job in self.jobs.values() if job.state == state and worker in (None, job.worker)]

    def policy(self, type: str) -> Policy:
        return self.policies.get(type, Policy())

    def queue(self, job: Job, due: int) -> None:
        """Let it wait until it is due, in the queue that its priority has under the policy of now."""
        own, usual = WEIGHTS[job.priority or "normal"], WEIGHTS[self.policy(job.type).priority]
        job.level = "n" if job.priority is None or own == usual else "h" if own > usual else "l"
        job.state, job.due, job.worker, job.needs = "queued", due, "", None

    def add(self, job: Job) -> None:
        self.jobs[job.id] = job
        self.queue(job, job.due)

    def has_expired(self, job: Job, now: int) -> bool:
        expires = job.expires or self.policy(job.type).expires_ms
        return expires is not None and now >= job.enqueued + expires

    def waiting(self, type: str) -> int:
        return sum(job.type == type for job in self.of("queued"))
