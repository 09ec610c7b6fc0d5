"""Exclusion keys in the model: which job has which, until when, and which waits for the end of another."""

from __future__ import annotations

import attrs

from jobframe.store.codec import Record
from tests.conformance.machine.job import Job, Jobs

LOOK_AGAIN_MS = 60_000
MOST_DELAYS = 10


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
class Exclusions(Jobs):
    """
    The jobs with their keys.

    Attributes:
        rules: The exclusion of each key.
        keys: Which job holds which key of which type.
        behind: Id of a job → the job that waits for its end, and when that wants to be due.

    """

    rules: dict[str, Rule] = attrs.field(factory=dict)
    keys: dict[tuple[str, str], Held] = attrs.field(factory=dict)
    behind: dict[str, tuple[Job, int]] = attrs.field(factory=dict)

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

    def let_go(self, job: Job, now: int) -> None:
        """Let the job behind it start, perhaps after the clock was set back, and stand behind no other itself."""
        if job.id in self.behind:
            successor, due = self.behind.pop(job.id)
            if successor.state == "queued":
                successor.due = due - max(successor.enqueued - now, 0)
        if job.after and self.behind.get(job.after.id, (None,))[0] is job:
            del self.behind[job.after.id]

    def release_ended(self, now: int) -> None:
        """Free the keys of the jobs that have ended since, and let those start that stood behind them."""
        for job in self.jobs.values():
            if job.is_live or job.released:
                continue
            job.released = True
            self.let_go(job, now)
            held = self.keys.get((job.type, job.key or ""))
            if held is None or held.job is not job:
                continue
            if job.is_held_back and job.after:
                held.job = job.after
            elif held.lapse is None or held.lapse <= now:
                del self.keys[job.type, job.key or ""]

    def remove(self, gone: list[Job], now: int) -> None:
        """Purge them: their keys are free, even inside a window, unless those they stood behind have them again."""
        live = [job for job in gone if job.is_live]
        for job in gone:
            del self.jobs[job.id]
            job.state = "gone" if job in live else job.state
        for job in live:
            self.let_go(job, now)
            held = self.keys.get((job.type, job.key or ""))
            if held and held.job is job and job.is_held_back and job.after:
                held.job = job.after
            elif held and held.job is job:
                del self.keys[job.type, job.key or ""]
