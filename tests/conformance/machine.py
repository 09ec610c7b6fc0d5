"""A machine that drives the real scripts and the model side by side, and compares them after each step."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, invariant, precondition, rule

from jobframe.core.errors import UnknownJobType
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Outcome, Parked, Retried, Snoozed
from jobframe.store.claim import Claimed
from jobframe.store.operate import KeyHeld, NotRetryable
from tests.conformance.fleet import DELAY_MS, EXPIRES_MS, PERIOD_MS, TYPES, Fleet, types
from tests.conformance.invariants import limits_of, problems_in, states_in
from tests.conformance.model import OVER, Job

keys = st.sampled_from([None, None, "k1", "k2"])
delays = st.sampled_from(["", "", f"+{DELAY_MS}", "+20000"])
priorities = st.sampled_from([None, None, "high", "low"])
ends = (Completed(b"1"), Failed("why"), Cancelled("why"), Parked("why"))
givings_back = (Retried(DELAY_MS), Retried(0), Snoozed(DELAY_MS), Interrupted(), Crashed())
outcomes = st.sampled_from([*ends, *givings_back])


class Queues(Fleet):
    """Enqueue, claim, settle, renew, sweep, leave, cancel, retry, pause and time, in any order."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.fence = 0
        self.last_call: tuple[list[Any], Any, int] | None = None

    def teardown(self) -> None:
        try:
            if self.agreed:
                self.everything_ends()
        finally:
            self.run(self.world.store.redis.flushall())
            self.run(self.world.aclose())
            self.runner.close()

    @rule(type=types, given=st.sampled_from(["", "", "x", "y"]), key=keys, when=delays, priority=priorities,
          expires=st.sampled_from([None, None, EXPIRES_MS]))  # fmt: skip
    def enqueue(
        self, type: str, given: str, key: str | None, when: str, priority: str | None, expires: int | None
    ) -> None:
        encoded = self.world.job(type, given, when, given=bool(given), key=key, priority=priority, expires_ms=expires)
        known = self.model.jobs.get(f"{type}:{given}") or self.model.holder(type, key)
        number = self.world.next_number("c1")

        answer = self.run(self.world.send(encoded, number=number))

        assert [known.unique if known else None] == answer
        self.last_call = ([encoded], answer, number)
        if not known:
            due = self.world.now + int(when or 0)
            self.model.jobs[f"{type}:{encoded.unique}"] = Job(type, encoded.unique, due, self.world.now, key, expires)

    @rule()
    @precondition(lambda self: self.last_call)
    def send_the_last_call_again(self) -> None:
        assert self.last_call
        call, answer, number = self.last_call
        before = self.run(self.world.dump())
        assert answer == self.run(self.world.send(*call, number=number))
        assert before == self.run(self.world.dump())

    @rule(target=claims, worker=st.integers(0, 2), room=st.sampled_from([1, 2, 50]), quantum=st.sampled_from([1, 16]))
    @precondition(lambda self: self.workers)
    def claim(self, worker: int, room: int, quantum: int) -> Any:
        name = self.pick(worker)
        content = self.run(self.world.dump())
        known = {each for each, lane in self.knows[name].items() if limits_of(content, each).lane == lane}
        could_start = {job.id for job in self.model.startable(self.world.now) if job.type in known}
        lanes = dict.fromkeys(sorted(set(self.knows[name].values())), room)

        answer = self.run(self.world.claim(name, room, quantum=quantum, lanes=lanes))

        for claimed in answer.jobs:
            job = self.model.jobs[f"{claimed.type}:{claimed.unique}"]
            assert job.id in could_start
            assert job.state == "queued"
            assert not job.has_expired(self.world.now)
            assert claimed.fence > self.fence
            assert claimed.due_ms == job.due
            job.state, job.worker, job.fence = "active", name, claimed.fence
        self.fence = max([self.fence, *(claimed.fence for claimed in answer.jobs)])
        self.end_those_found_expired(could_start)
        assert len(answer.jobs) <= room
        if len(answer.jobs) < room and not answer.more:
            assert [] == [job for job in self.model.startable(self.world.now) if job.type in known]
        return name, answer.jobs

    def end_those_found_expired(self, could_start: set[str]) -> None:
        states = states_in(self.run(self.world.dump()), self.world.now)
        for job in self.model.of("queued"):
            if states[job.id] == "failed":
                assert job.id in could_start
                assert job.has_expired(self.world.now)
                job.end("failed")

    @rule(claim=claims, outcome=outcomes)
    def settle(self, claim: tuple[str, list[Claimed]], outcome: Outcome) -> None:
        worker, claimed = claim
        self.settle_each(worker, claimed, outcome)

    @rule(claim=consumes(claims), outcome=outcomes, most=st.integers(1, 3))
    def settle_some(self, claim: tuple[str, list[Claimed]], outcome: Outcome, most: int) -> None:
        worker, claimed = claim
        self.settle_each(worker, claimed[:most], outcome)

    def settle_each(self, worker: str, claimed: list[Claimed], outcome: Outcome) -> None:
        jobs = [self.model.jobs[f"{each.type}:{each.unique}"] for each in claimed]
        mine = [job.state == "active" and job.fence == each.fence for job, each in zip(jobs, claimed, strict=True)]
        before = self.run(self.world.dump())

        answers = self.run(self.world.settle(worker, *(self.world.ended(each, outcome) for each in claimed)))

        assert mine == answers
        if not any(answers):
            assert before == self.run(self.world.dump())
        for job, counted in zip(jobs, answers, strict=True):
            if counted:
                job.conclude(outcome, self.world.now)

    @rule(data=st.data())
    @precondition(lambda self: self.model.jobs)
    def cancel(self, data: st.DataObject) -> None:
        job = self.model.jobs[data.draw(st.sampled_from(sorted(self.model.jobs)))]
        answer = self.run(self.world.cancel(job.id, "enough"))
        if job.state == "active":
            assert answer == "active"
            job.cancel_asked = True
        elif job.state in OVER:
            assert job.state == answer
        else:
            assert answer == "cancelled"
            job.end("cancelled")

    @rule(data=st.data())
    @precondition(lambda self: self.model.jobs)
    def retry(self, data: st.DataObject) -> None:
        job = self.model.jobs[data.draw(st.sampled_from(sorted(self.model.jobs)))]
        holder = self.model.holder(job.type, job.key)
        try:
            self.run(self.world.retry(job.id))
        except NotRetryable:
            assert job.state in ("queued", "active", "completed")
        except KeyHeld:
            assert holder not in (None, job)
        else:
            assert job.state in ("failed", "cancelled", "parked")
            assert holder in (None, job)
            job.queue(self.world.now)
            job.enqueued = self.world.now

    @rule(type=types)
    def pause(self, type: str) -> None:
        try:
            self.run(self.world.pause(type))
        except UnknownJobType:
            assert type not in self.model.caps
        else:
            self.model.paused.add(type)

    @rule(type=types)
    def resume(self, type: str) -> None:
        if type in self.model.caps:
            self.run(self.world.pause(type, "resume"))
            self.model.paused.discard(type)

    @invariant()
    def the_store_agrees(self) -> None:
        content = self.run(self.world.dump())
        assert problems_in(content, self.world.now, lowered={"capped"}) == []
        assert self.model.states(self.world.now) == states_in(content, self.world.now)
        self.agreed = True

    def everything_ends(self) -> None:
        """Whatever came before: with one healthy worker, no pause and time, every live job runs and ends."""
        self.model.caps = {"free": None, "capped": 1, "late": None}
        for name in TYPES:
            self.run(self.world.join("last", name, concurrency=self.model.caps[name], edited_ms=self.world.now + 1))
        self.run(self.world.join("last", *TYPES, apply=False))
        for name in TYPES:
            self.run(self.world.pause(name, "resume"))
        for _ in range(40):
            self.world.now += PERIOD_MS
            self.world.renew("last")
            self.run(self.world.sweep())
            while jobs := self.run(self.world.claim("last", 2)).jobs:
                assert all(self.run(self.world.complete("last", jobs)))
        states = set(states_in(self.run(self.world.dump()), self.world.now).values())
        assert states <= {*OVER, "parked"}
