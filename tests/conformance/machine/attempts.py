"""Rules about attempts: a worker claims jobs and says how they ended, sometimes twice, sometimes too late."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, multiple, precondition, rule

from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Outcome, Parked, Retried, Snoozed
from jobframe.store.claim import Claimed
from jobframe.store.codec import Record
from jobframe.store.settle import SettleCall, Settled
from tests.conformance.invariants import limits_of, states_in
from tests.conformance.machine.exclusion import LOOK_AGAIN_MS
from tests.conformance.machine.fleet import DELAY_MS, TYPES
from tests.conformance.machine.job import Job
from tests.conformance.machine.model import leaving
from tests.conformance.machine.producers import Producers, Wanted, wanted
from tests.conformance.world import MINUTE, START_MS

ends = (Completed(b"1"), Failed("why"), Cancelled("why"), Parked("why"), Parked("too new: payload version 3"))
givings_back = (Retried(DELAY_MS), Retried(0), Snoozed(DELAY_MS), Interrupted(), Interrupted(DELAY_MS), Crashed())
outcomes = st.sampled_from([*ends, *givings_back])


@attrs.frozen
class Claiming:
    """One claim that gave jobs: who asked, how, and what it got."""

    worker: str
    number: int
    lanes: dict[str, int] = attrs.field(repr=False)
    jobs: list[Claimed] = attrs.field(repr=lambda jobs: str([f"{job.type}:{job.unique}" for job in jobs]))


class Attempts(Producers):
    """They start and end."""

    claims = Bundle("claims")

    def forget(self) -> None:
        super().forget()
        self.fence = 0  # a server that lost its latest one may give a lower one, when its clock goes back as well
        self.latest_claims: dict[str, int] = {}
        self.settled: list[tuple[str, int, list[Settled]]] = []

    @rule(target=claims, worker=st.integers(0, 2), room=st.sampled_from([1, 2, 50]), quantum=st.sampled_from([1, 16]))
    @precondition(lambda self: self.workers)
    def claim(self, worker: int, room: int, quantum: int) -> Any:
        return self.claim_as(self.pick(worker), room, quantum)

    @rule(target=claims, worker=st.integers(0, 2), count=st.integers(1, 3))
    @precondition(lambda self: self.workers)
    def enqueue_and_claim(self, worker: int, count: int) -> Any:
        name = self.pick(worker)
        self.send([Wanted(each) for each in sorted(self.runs[name])] * count)
        return self.claim_as(name, 50, 16)

    @rule(worker=st.integers(0, 2), outcome=outcomes)
    @precondition(lambda self: self.workers)
    def claim_and_settle(self, worker: int, outcome: Outcome) -> None:
        name = self.pick(worker)
        claimed = self.claim_as(name, 50, 16)
        if isinstance(claimed, Claiming):
            self.settle_each(name, claimed.jobs, outcome)

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: self.workers and self.world.now < START_MS + 9 * MINUTE)
    def claim_and_die(self, worker: int) -> None:
        name = self.pick(worker)
        self.claim_as(name, 50, 16)
        self.let_others_be_dead({number for number in range(3) if self.pick(number) != name})
        self.join(self.runs[name])

    def claim_as(self, name: str, room: int, quantum: int) -> Any:
        content = self.dump()
        lanes = dict.fromkeys(sorted(set(self.knows[name].values())), room)
        known = {each for each in TYPES if limits_of(content, each).lane in lanes}
        could_start = {job.id for job in self.model.startable(known, self.world.now, content)}
        number = self.world.next_number(f"claim {name}")

        answer = self.run(self.world.claim(name, room, quantum=quantum, number=number, lanes=lanes))

        assert len(answer.jobs) <= room
        content_after = self.dump()
        could_start = self.end_those_found_expired(could_start, content_after)
        jobs = [self.model.jobs[f"{claimed.type}:{claimed.unique}"] for claimed in answer.jobs]
        for job, claimed in zip(jobs, answer.jobs, strict=True):
            assert job.id in could_start
            assert job.type in self.runs[name]
            assert job.state == "queued"
            assert not self.model.has_expired(job, self.world.now)
            assert claimed.fence > self.fence
            assert claimed.due_ms == job.due
            assert attrs.astuple(Record.decode(claimed.record))[:4] == attrs.astuple(job.record)[:4]
        for name_of_type in known:
            self.judge_starts(name_of_type, [job for job in jobs if job.type == name_of_type], content)
        for job, claimed in zip(jobs, answer.jobs, strict=True):
            job.state, job.worker, job.fence = "active", name, claimed.fence
        self.fence = max([self.fence, *(claimed.fence for claimed in answer.jobs)])
        self.put_back_those_behind_others(content_after)
        if len(answer.jobs) < room and not answer.more:
            assert [] == self.model.startable(known, self.world.now, content_after, self.latest_time)
        self.judge_order(jobs)
        if not jobs:
            return multiple()
        self.latest_claims[name] = number
        return Claiming(name, number, lanes, answer.jobs)

    def judge_starts(self, type: str, jobs: list[Job], content: Any) -> None:
        """No more start than the limits of their type let, and its rate is charged for each."""
        if not jobs:
            return
        assert len(jobs) <= self.model.free_slots(type, self.world.now, content)
        if rate := self.model.policy(type).rate_limit:
            self.model.arrivals[type] = self.model.arrival(type, self.world.now) + len(jobs) * rate.interval_us

    def end_those_found_expired(self, could_start: set[str], content: Any) -> set[str]:
        """End them; answers what could start when those could as well that had stood behind them."""
        states = states_in(content, self.world.now)

        def found() -> list[Job]:
            return [job for job in self.model.of("queued") if states[job.id] == "failed"]

        while ended := [job for job in found() if job.id in could_start]:
            for job in ended:
                assert self.model.has_expired(job, self.world.now)
                job.end("failed")
            self.model.release_ended(self.world.now)
            ids = {job.id for job in ended}
            could_start = could_start | {job.id for job in self.model.of("queued") if job.after and job.after.id in ids}
        assert [] == found()
        return could_start

    def put_back_those_behind_others(self, content: Any) -> None:
        for job in self.model.of("queued"):
            if job.is_held_back and job.due <= self.world.now:
                due = content[f"queue:{job.type}:{job.level}"][job.unique]
                assert due in (job.due, self.world.now + LOOK_AGAIN_MS)
                job.due = due

    def judge_order(self, started: list[Job]) -> None:
        """Of each type, those that started had their turn before those that still wait."""
        left = [job for job in self.model.of("queued") if job.due <= self.world.now and not job.is_held_back]
        for job in started:
            assert [] == [other.id for other in left if other.type == job.type and other.turn < job.turn]

    @rule(claim=claims)
    def send_a_claim_again(self, claim: Claiming) -> None:
        """The latest claim answers what is still held of it; the echo of an older one answers nothing."""
        if claim.worker in self.workers and claim.number > self.latest_claims.get(claim.worker, 0):
            return  # the server has lost it: it would be a new one
        before = self.dump()
        answer = self.run(self.world.try_claim(claim.worker, 50, number=claim.number, lanes=claim.lanes))
        if claim.worker not in self.workers:
            assert answer is None
        else:
            assert answer is not None
            (fence,) = {claimed.fence for claimed in claim.jobs}
            held = {job.id for job in self.model.of("active", claim.worker) if job.fence == fence}
            is_latest = claim.number == self.latest_claims[claim.worker]
            assert {f"{job.type}:{job.unique}" for job in answer.jobs} == (held if is_latest else set())
        assert before == self.dump()

    @rule(claim=claims, outcome=outcomes)
    def settle(self, claim: Claiming, outcome: Outcome) -> None:
        self.settle_each(claim.worker, claim.jobs, outcome)

    @rule(claim=consumes(claims), outcome=outcomes, most=st.integers(1, 3))
    def settle_some(self, claim: Claiming, outcome: Outcome, most: int) -> None:
        self.settle_each(claim.worker, claim.jobs[:most], outcome)

    @rule(claim=consumes(claims), follow_up=wanted())
    def complete_with_a_follow_up(self, claim: Claiming, follow_up: Wanted) -> None:
        self.settle_each(claim.worker, claim.jobs, Completed(), follow_up)

    @rule(claim=claims, worker=st.integers(0, 2), outcome=outcomes)
    @precondition(lambda self: self.workers)
    def settle_what_another_holds(self, claim: Claiming, worker: int, outcome: Outcome) -> None:
        name = self.pick(worker)
        if name != claim.worker:
            self.settle_each(name, claim.jobs, outcome)

    def settle_each(
        self, worker: str, claimed: list[Claimed], outcome: Outcome, follow_up: Wanted | None = None
    ) -> None:
        jobs = [self.model.jobs.get(f"{each.type}:{each.unique}") for each in claimed]
        mine = [
            job is not None and (job.state, job.worker, job.fence) == ("active", worker, each.fence)
            for job, each in zip(jobs, claimed, strict=True)
        ]
        follow_ups = [self.encode(follow_up) for _ in claimed] if follow_up else []
        batch = []
        for i, (job, each) in enumerate(zip(jobs, claimed, strict=True)):
            record = job.recorded(outcome) if job else None
            batch.append(
                self.world.ended(each, outcome, record, wait_ms=10, run_ms=20, follow_ups=follow_ups[i : i + 1])
            )
        number = self.world.next_number(f"settle {worker}")
        before = self.dump()

        answers = self.run(self.world.settle(worker, *batch, number=number))

        assert mine == answers
        content = self.dump()
        if not any(answers):
            assert before == content
        for job in [job for job, counted in zip(jobs, answers, strict=True) if job and counted]:
            slots = leaving(content, job.type, self.world.now)
            held = isinstance(outcome, Interrupted) and outcome.delay_ms and not job.cancel_asked
            self.model.conclude(job, outcome, self.world.now)
            if held and self.model.policy(job.type).concurrency:
                assert slots[job.unique] == job.due
        self.model.release_ended(self.world.now)
        for encoded, counted in zip(follow_ups, answers, strict=bool(follow_ups)):
            if follow_up and counted:
                self.expect(follow_up, encoded)
        self.settled.append((worker, number, batch))

    @rule(data=st.data())
    @precondition(lambda self: self.settled)
    def send_a_settle_again(self, data: st.DataObject) -> None:
        worker, number, batch = data.draw(st.sampled_from(self.settled))
        before = self.dump()
        self.run(self.world.store.run("settle", *SettleCall(worker, number, batch).arguments))
        assert before == self.dump()
