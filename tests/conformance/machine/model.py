"""
A model of the queues, small enough to be seen right.

What it cannot know, because the store may choose, is read from the answer and judged: which of the due jobs a claim
takes, whether a sweep comes late enough to take over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from jobframe.core.outcome import (
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from tests.conformance.machine.exclusion import Exclusions
from tests.conformance.machine.job import STATE_AFTER, Job

POISON = 10
UNNOTED_MS = 10_000
NOTE_EVERY_MS = 1_000


@attrs.define
class Model(Exclusions):
    """
    All jobs, and what decides whether they may start.

    Attributes:
        paused: The types that are paused.
        arrivals: Type → when its rate takes it that the last start arrived, in microseconds.
        rates_may_be_cut: Whether the clock went back or a rate changed, after which an arrival may be too far ahead.
        noted: The latest time that an enqueue or a sweep noted.

    """

    paused: set[str] = attrs.field(factory=set)
    arrivals: dict[str, float] = attrs.field(factory=dict)
    rates_may_be_cut: bool = False
    noted: int = 0

    def note_time(self, now: int) -> None:
        """Jobs are enqueued or house is kept: what had come due before the clock was set back goes on."""
        back_ms = max(self.noted - now, 0)
        for job in self.of("queued"):
            if now + UNNOTED_MS < job.due <= now + back_ms + UNNOTED_MS:
                job.due -= back_ms
        if back_ms or now - self.noted >= NOTE_EVERY_MS:
            self.noted = now

    def give_back(self, job: Job) -> None:
        """Put it where it stood, or end it when it was to be cancelled."""
        if job.cancel_asked:
            job.end("cancelled")
        else:
            self.queue(job, job.due)

    def take_back(self, job: Job, now: int) -> None:
        """Its worker is gone; it was due when it started, whatever the clock says by now."""
        job.due = min(job.due, now)
        self.give_back(job)

    def crash(self, job: Job, now: int) -> None:
        """Its worker is dead."""
        job.count("crashes")
        if not job.cancel_asked and job.record.crashes >= POISON:
            job.end("failed")
        else:
            self.take_back(job, now)

    def conclude(self, job: Job, outcome: Outcome, now: int) -> None:
        """Its worker says how the attempt ended."""
        job.record = job.recorded(outcome)
        if type(outcome) in STATE_AFTER:
            job.end(STATE_AFTER[type(outcome)])
            if isinstance(outcome, Parked) and outcome.reason.startswith("too new"):
                job.needs = int(outcome.reason.split()[-1])
            return
        delay_ms = getattr(outcome, "delay_ms", 0)
        if delay_ms or isinstance(outcome, Retried | Snoozed):
            job.due = now + delay_ms
            self.give_back(job)
        else:
            self.take_back(job, now)

    def retry(self, job: Job, now: int) -> None:
        """An operator lets it try again, from the beginning."""
        if job.state != "parked":
            self.take_again(job, now)
        job.record = attrs.evolve(job.record, attempts=0, snoozes=0)
        if job.expires or self.policy(job.type).expires_ms:
            job.enqueued = now
        self.queue(job, now)

    def arrival(self, type: str, now: int, latest: int = 0) -> float:
        """When the next start of a type arrives for its rate: not before now, at most a burst ahead of the clock."""
        rate = self.policy(type).rate_limit
        assert rate
        furthest = 1000 * max(now, latest) + rate.interval_us * rate.burst
        return max(1000 * now, min(self.arrivals.get(type, 0), furthest))

    def free_slots(self, type: str, now: int, content: Any, latest: int = 0) -> float:
        """Count the jobs of a type that may start now."""
        if type not in self.policies or type in self.paused:
            return 0
        policy, free = self.policies[type], float("inf")
        if policy.concurrency is not None:
            running = [job for job in self.of("active") if job.type == type]
            free = policy.concurrency - len(running) - len(leaving(content, type, now))
        if policy.rate_limit:
            ahead = self.arrival(type, now, latest) - 1000 * now
            free = min(free, policy.rate_limit.burst - ahead / policy.rate_limit.interval_us)
        return free

    def startable(self, types: Iterable[str], now: int, content: Any, latest: int = 0) -> list[Job]:
        """
        List the due jobs of *types* of which at least one may start.

        When the clock went back, a rate may hold its type until the next sweep: with the *latest* time that any clock
        showed, these are the jobs that surely start.
        """
        free = {name for name in types if self.free_slots(name, now, content, latest) >= 1}
        queued = [job for job in self.of("queued") if job.due <= now and job.type in free]
        return [job for job in queued if not job.is_held_back or self.has_expired(job, now)]

    def states(self, now: int) -> dict[str, str]:
        """Tell the state of every job, as the store would."""
        told = {job.id: job.state for job in self.jobs.values()}
        for job in self.of("queued"):
            told[job.id] = "waiting" if job.due <= now else "delayed"
        return told


def leaving(content: Any, type: str, now: int) -> dict[str, int]:
    """Read the slots of jobs that were given back by a process that may not have ended yet."""
    return {unique: until for unique, until in content.get(f"leaving:{type}", {}).items() if until >= now}
