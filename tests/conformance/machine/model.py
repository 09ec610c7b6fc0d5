"""
A model of the queues, small enough to be seen right.

What it cannot know, because the store may choose, is read from the answer and judged: which of the due jobs a claim
takes, whether a sweep comes late enough to take over.
"""

from __future__ import annotations

import attrs

from jobframe.core.outcome import Cancelled, Completed, Failed, Outcome, Parked, Retried, Snoozed

OVER = ("completed", "failed", "cancelled")
LOOK_AGAIN_MS = 60_000
MOST_DELAYS = 10
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
    after: Job | None = None
    first: int | None = None
    released: bool = False
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

    @property
    def is_live(self) -> bool:
        return self.state not in OVER

    @property
    def is_held_back(self) -> bool:
        return self.after is not None and self.after.is_live

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
        jobs: Every job ever made, by its id.
        caps: The limits of the types announced so far.
        paused: The types that are paused.
        rules: The exclusion of each key.
        keys: Which job holds which key of which type.
        behind: Id of a job → the job that waits for its end, and when that wants to be due.

    """

    jobs: dict[str, Job] = attrs.field(factory=dict)
    caps: dict[str, int | None] = attrs.field(factory=dict)
    paused: set[str] = attrs.field(factory=set)
    rules: dict[str, Rule] = attrs.field(factory=dict)
    keys: dict[tuple[str, str], Held] = attrs.field(factory=dict)
    behind: dict[str, tuple[Job, int]] = attrs.field(factory=dict)

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
            self.jobs[job.id] = job
            if holder is not None:
                job.after, self.behind[holder.id] = holder, (job, job.due)
                job.due = max(job.due, now + LOOK_AGAIN_MS)
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
        job.enqueued, job.expires, job.crashes = now, newer.expires, 0
        if job.is_held_back:
            assert job.after
            self.behind[job.after.id] = (job, due)
            due = max(due, now + LOOK_AGAIN_MS)
        else:
            job.after = None
        job.queue(due)

    def release_ended(self, now: int) -> None:
        """Free the keys of the jobs that have ended since, and let those start that stood behind them."""
        for job in self.jobs.values():
            if job.is_live or job.released:
                continue
            job.released = True
            if job.id in self.behind:
                successor, due = self.behind.pop(job.id)
                if successor.state == "queued":
                    successor.due = due
            if job.after and self.behind.get(job.after.id, (None,))[0] is job:
                del self.behind[job.after.id]
            held = self.keys.get((job.type, job.key or ""))
            if held is None or held.job is not job:
                continue
            if job.is_held_back and job.after:
                held.job = job.after
            elif held.lapse is None or held.lapse <= now:
                del self.keys[job.type, job.key or ""]

    def is_open(self, type: str) -> bool:
        if type not in self.caps or type in self.paused:
            return False
        cap, running = self.caps[type], [job for job in self.of("active") if job.type == type]
        return cap is None or len(running) < cap

    def startable(self, now: int) -> list[Job]:
        queued = [job for job in self.of("queued") if job.due <= now and self.is_open(job.type)]
        return [job for job in queued if not job.is_held_back or job.has_expired(now)]

    def states(self, now: int) -> dict[str, str]:
        """Tell the state of every job, as the store would."""
        told = {job.id: job.state for job in self.jobs.values()}
        for job in self.of("queued"):
            told[job.id] = "waiting" if job.due <= now else "delayed"
        return told
