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
LOOK_AGAIN_MS = 60_000
MOST_DELAYS = 10
POISON = 10
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


@attrs.frozen
class Rule:
    """What the exclusion of one key is; the same for all jobs that have it."""

    window_ms: int | None = None
    replace: bool = False
    max_wait_ms: int | None = None


@attrs.define
class Held:
    """Which job has a key, and when its window lapses."""

    job: Job
    lapse: int | None


@attrs.define
class Model:
    """
    All jobs, and what decides whether they may start.

    Attributes:
        jobs: Every job there is, by its id.
        policies: What is in force for the types announced so far.
        paused: The types that are paused.
        rules: The exclusion of each key.
        keys: Which job holds which key of which type.
        behind: Id of a job → the job that waits for its end, and when that wants to be due.
        arrivals: Type → when its rate takes it that the last start arrived, in microseconds.
        rates_may_be_cut: Whether the clock went back or a rate changed, after which an arrival may be too far ahead.

    """

    jobs: dict[str, Job] = attrs.field(factory=dict)
    policies: dict[str, Policy] = attrs.field(factory=dict)
    paused: set[str] = attrs.field(factory=set)
    rules: dict[str, Rule] = attrs.field(factory=dict)
    keys: dict[tuple[str, str], Held] = attrs.field(factory=dict)
    behind: dict[str, tuple[Job, int]] = attrs.field(factory=dict)
    arrivals: dict[str, float] = attrs.field(factory=dict)
    rates_may_be_cut: bool = False

    def of(self, state: str, worker: str | None = None) -> list[Job]:
        return [job for job in self.jobs.values() if job.state == state and worker in (None, job.worker)]

    def holder(self, type: str, key: str | None, now: int) -> Job | None:
        """Find the job that an enqueue under the key finds."""
        held = self.keys.get((type, key or ""))
        if held is None or key is None or (held.lapse is not None and held.lapse <= now):
            return None
        rule = self.rules[key]
        if held.lapse is not None and rule.window_ms is not None:
            held.lapse = min(held.lapse, now + rule.window_ms)  # the clock was set back
        return held.job if held.job.is_live or (rule.window_ms and not rule.replace) else None

    def take_key(self, job: Job, now: int) -> None:
        if job.key:
            window_ms = self.rules[job.key].window_ms
            self.keys[job.type, job.key] = Held(job, None if window_ms is None else now + window_ms)

    def take_again(self, job: Job, now: int) -> None:
        """Give a job that was retried its key again; a window goes on as it began."""
        job.released = False
        held = self.keys.get((job.type, job.key or ""))
        if job.key and self.rules[job.key].window_ms is None:
            self.take_key(job, now)
        elif held and held.lapse is not None and held.lapse > now:
            held.job = job

    def enqueue(self, job: Job, delay: int | None, now: int) -> Job:
        """Make *job*, or let another stand for it; returns which."""
        holder = self.holder(job.type, job.key, now)
        replace = job.key is not None and self.rules[job.key].replace
        if holder is None or (replace and holder.state == "active"):
            self.take_key(job, now)
            if holder is not None:
                job.after, self.behind[holder.id] = holder, (job, job.due)
                job.due = max(job.due, now + LOOK_AGAIN_MS)
            self.add(job)
            return job
        if replace:
            self.renew(holder, job, delay, now)
        return holder

    def renew(self, job: Job, newer: Job, delay: int | None, now: int) -> None:
        """Let a job that waits take the payload of a *newer* one."""
        job.first = job.enqueued if job.first is None else job.first
        due = now if job.state == "parked" else job.due
        if job.is_held_back:
            assert job.after
            due = self.behind[job.after.id][1] if job.after.id in self.behind else now
        if delay is not None:
            rule = self.rules[job.key or ""]
            most = MOST_DELAYS * delay if rule.max_wait_ms is None else rule.max_wait_ms
            due = min(now + delay, job.first + most)
        job.enqueued, job.expires, job.priority, job.record = now, newer.expires, newer.priority, Record()
        if job.is_held_back:
            assert job.after
            self.behind[job.after.id] = (job, due)
            due = max(due, now + LOOK_AGAIN_MS)
        else:
            job.after = None
        self.queue(job, due)

    def let_go(self, job: Job) -> None:
        """Let the job behind it start, and stand behind no other itself."""
        if job.id in self.behind:
            successor, due = self.behind.pop(job.id)
            if successor.state == "queued":
                successor.due = due
        if job.after and self.behind.get(job.after.id, (None,))[0] is job:
            del self.behind[job.after.id]

    def release_ended(self, now: int) -> None:
        """Free the keys of the jobs that have ended since, and let those start that stood behind them."""
        for job in self.jobs.values():
            if job.is_live or job.released:
                continue
            job.released = True
            self.let_go(job)
            held = self.keys.get((job.type, job.key or ""))
            if held is None or held.job is not job:
                continue
            if job.is_held_back and job.after:
                held.job = job.after
            elif held.lapse is None or held.lapse <= now:
                del self.keys[job.type, job.key or ""]

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

    def give_back(self, job: Job) -> None:
        """Put it where it stood, or end it when it was to be cancelled."""
        if job.cancel_asked:
            job.end("cancelled")
        else:
            self.queue(job, job.due)

    def crash(self, job: Job) -> None:
        """Its worker is dead."""
        job.count("crashes")
        if not job.cancel_asked and job.record.crashes >= POISON:
            job.end("failed")
        else:
            self.give_back(job)

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

    def retry(self, job: Job, now: int) -> None:
        """An operator lets it try again, from the beginning."""
        if job.state != "parked":
            self.take_again(job, now)
        job.record = attrs.evolve(job.record, attempts=0, snoozes=0)
        if job.expires or self.policy(job.type).expires_ms:
            job.enqueued = now
        self.queue(job, now)

    def remove(self, gone: list[Job]) -> None:
        """Purge them: their keys are free, even inside a window, unless those they stood behind have them again."""
        live = [job for job in gone if job.is_live]
        for job in gone:
            del self.jobs[job.id]
            job.state = "gone" if job in live else job.state
        for job in live:
            self.let_go(job)
            held = self.keys.get((job.type, job.key or ""))
            if held and held.job is job and job.is_held_back and job.after:
                held.job = job.after
            elif held and held.job is job:
                del self.keys[job.type, job.key or ""]

    def has_expired(self, job: Job, now: int) -> bool:
        expires = job.expires or self.policy(job.type).expires_ms
        return expires is not None and now >= job.enqueued + expires

    def waiting(self, type: str) -> int:
        return sum(job.type == type for job in self.of("queued"))

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
