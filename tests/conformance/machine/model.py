"""
A model of the queues, small enough to be seen right.

What it cannot know, because the store may choose, is read from the answer and judged: which of the due jobs a claim
takes, whether a sweep comes late enough to take over.
"""

from __future__ import annotations

import attrs

from jobframe.core.outcome import Cancelled, Completed, Failed, Outcome, Parked, Retried, Snoozed

OVER = ("completed", "failed", "cancelled")
POISON = 10
STATE_AFTER: dict[type, str] = {Completed: "completed", Failed: "failed", Cancelled: "cancelled", Parked: "parked"}


@attrs.define
class Job:
    """What the model knows of one job."""

    type: str
    unique: str
    due: int
    enqueued: int
    key: str | None
    expires: int | None
    state: str = "queued"
    worker: str = ""
    fence: int = 0
    cancel_asked: bool = False
    crashes: int = 0

    @property
    def id(self) -> str:
        return f"{self.type}:{self.unique}"

    def has_expired(self, now: int) -> bool:
        return self.expires is not None and now >= self.enqueued + self.expires

    def queue(self, due: int) -> None:
        self.state, self.due, self.worker = "queued", due, ""

    def end(self, state: str) -> None:
        self.state, self.worker, self.cancel_asked = state, "", False

    def give_back(self) -> None:
        """Its worker leaves: it stands where it stood."""
        if self.cancel_asked:
            self.end("cancelled")
        else:
            self.queue(self.due)

    def crash(self) -> None:
        """Its worker is dead."""
        self.crashes += 1
        if not self.cancel_asked and self.crashes >= POISON:
            self.end("failed")
        else:
            self.give_back()

    def conclude(self, outcome: Outcome, now: int) -> None:
        """Its worker says how the attempt ended."""
        if type(outcome) in STATE_AFTER:
            self.end(STATE_AFTER[type(outcome)])
        elif isinstance(outcome, Retried | Snoozed) and not self.cancel_asked:
            self.queue(now + outcome.delay_ms)
        else:
            self.give_back()


@attrs.define
class Model:
    """
    All jobs, and what decides whether they may start.

    Attributes:
        jobs: Every job ever made, by its id.
        caps: The limits of the types announced so far.
        paused: The types that are paused.

    """

    jobs: dict[str, Job] = attrs.field(factory=dict)
    caps: dict[str, int | None] = attrs.field(factory=dict)
    paused: set[str] = attrs.field(factory=set)

    def of(self, state: str, worker: str | None = None) -> list[Job]:
        return [job for job in self.jobs.values() if job.state == state and worker in (None, job.worker)]

    def holder(self, type: str, key: str | None) -> Job | None:
        """Find the live job that has the key."""
        alike = (job for job in self.jobs.values() if key and (job.type, job.key) == (type, key))
        return next((job for job in alike if job.state not in OVER), None)

    def is_open(self, type: str) -> bool:
        if type not in self.caps or type in self.paused:
            return False
        cap, running = self.caps[type], [job for job in self.of("active") if job.type == type]
        return cap is None or len(running) < cap

    def startable(self, now: int) -> list[Job]:
        return [job for job in self.of("queued") if job.due <= now and self.is_open(job.type)]

    def states(self, now: int) -> dict[str, str]:
        """Tell the state of every job, as the store would."""
        told = {job.id: job.state for job in self.jobs.values()}
        for job in self.of("queued"):
            told[job.id] = "waiting" if job.due <= now else "delayed"
        return told
