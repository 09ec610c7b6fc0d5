"""Rules about attempts: a worker claims jobs and says how they ended, sometimes too late."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, precondition, rule

from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Outcome, Parked, Retried, Snoozed
from jobframe.store.claim import Claimed
from tests.conformance.invariants import limits_of, states_in
from tests.conformance.machine.fleet import DELAY_MS, TYPES, Fleet
from tests.conformance.machine.model import LOOK_AGAIN_MS

ends = (Completed(b"1"), Failed("why"), Cancelled("why"), Parked("why"))
givings_back = (Retried(DELAY_MS), Retried(0), Snoozed(DELAY_MS), Interrupted(), Crashed())
outcomes = st.sampled_from([*ends, *givings_back])


class Attempts(Fleet):
    """They start and end."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.fence = 0

    @rule(target=claims, worker=st.integers(0, 2), room=st.sampled_from([1, 2, 50]), quantum=st.sampled_from([1, 16]))
    @precondition(lambda self: self.workers)
    def claim(self, worker: int, room: int, quantum: int) -> Any:
        name = self.pick(worker)
        content = self.run(self.world.dump())
        lanes = dict.fromkeys(sorted(set(self.knows[name].values())), room)
        known = {each for each in TYPES if limits_of(content, each).lane in lanes}
        could_start = {job.id for job in self.model.startable(self.world.now) if job.type in known}

        answer = self.run(self.world.claim(name, room, quantum=quantum, lanes=lanes))

        for claimed in answer.jobs:
            job = self.model.jobs[f"{claimed.type}:{claimed.unique}"]
            assert job.id in could_start
            assert job.type in self.runs[name]
            assert job.state == "queued"
            assert not job.has_expired(self.world.now)
            assert claimed.fence > self.fence
            assert claimed.due_ms == job.due
            job.state, job.worker, job.fence = "active", name, claimed.fence
        self.fence = max([self.fence, *(claimed.fence for claimed in answer.jobs)])
        self.end_those_found_expired(could_start)
        self.put_back_those_behind_others()
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

    def put_back_those_behind_others(self) -> None:
        content = self.run(self.world.dump())
        for job in self.model.of("queued"):
            if job.is_held_back and job.due <= self.world.now:
                levels = [content.get(f"queue:{job.type}:{level}", {}) for level in "hnl"]
                (due,) = [level[job.unique] for level in levels if job.unique in level]
                assert due in (job.due, self.world.now + LOOK_AGAIN_MS)
                job.due = due

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
