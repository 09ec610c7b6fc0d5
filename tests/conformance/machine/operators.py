"""Rules about operators: policies, cancel, retry, purge, pause and resume, whatever a job is doing."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobframe.core.errors import JobNotFound, UnknownJobType
from jobframe.core.job import State
from jobframe.core.policy import Policy
from jobframe.core.rate import Rate
from jobframe.store import parking, purge
from jobframe.store.operate import KeyHeld, NotRetryable
from tests.conformance.machine.fleet import DELAY_MS, EXPIRES_MS, TYPES, Fleet, types
from tests.conformance.machine.job import OVER

policies = st.builds(
    Policy,
    concurrency=st.sampled_from([None, 1, 2, 3]),
    rate_limit=st.sampled_from([None, None, Rate(10, 1_000), Rate(60, 1_000), Rate(30, 60_000)]),
    max_waiting=st.sampled_from([None, None, 2]),
    priority=st.sampled_from(["normal", "high", "low"]),
    expires_ms=st.sampled_from([None, None, EXPIRES_MS]),
)
ABSENT = "free:z"
purgeable = st.sampled_from(sorted(set(State) - {State.ACTIVE}))


class Operators(Fleet):
    """They decide otherwise."""

    @rule(policy=policies, announced=st.booleans())
    def change_the_policy(self, policy: Policy, announced: bool) -> None:  # noqa: FBT001 - drawn
        self.put_in_force("ruled", policy, announced=announced)
        self.model.rates_may_be_cut = True

    @rule(data=st.data())
    @precondition(lambda self: self.model.jobs)
    def cancel(self, data: st.DataObject) -> None:
        self.cancel_one(data.draw(st.sampled_from([ABSENT, *sorted(self.model.jobs)])))

    def cancel_one(self, id: str) -> None:
        job = self.model.jobs.get(id)
        before = self.dump()
        if job is None:
            with pytest.raises(JobNotFound):
                self.run(self.world.cancel(id))
            assert before == self.dump(), "something is kept for a later job of that id"
            return
        answer = self.run(self.world.cancel(id, "enough"))
        if job.state == "active":
            assert answer == "active"
            job.cancel_asked = True
        elif job.state in OVER:
            assert job.state == answer
            assert before == self.dump()
        else:
            assert answer == "cancelled"
            job.end("cancelled")

    @rule(data=st.data())
    @precondition(lambda self: self.model.jobs)
    def retry(self, data: st.DataObject) -> None:
        self.retry_one(data.draw(st.sampled_from(sorted(self.model.jobs))))

    def retry_one(self, id: str) -> None:
        job = self.model.jobs[id]
        holder = self.model.holder(job.type, job.key, self.world.now)
        blocked = holder is not None and holder is not job and holder.is_live and job.state != "parked"
        before = self.dump()
        try:
            self.run(self.world.retry(id))
        except NotRetryable:
            assert job.state in ("queued", "active", "completed")
            assert before == self.dump()
        except KeyHeld:
            assert blocked
            assert before == self.dump()
        else:
            assert job.state in ("failed", "cancelled", "parked")
            assert not blocked
            self.model.retry(job, self.world.now)

    @rule(type=types, state=purgeable)
    @precondition(lambda self: self.model.jobs)
    def purge(self, type: str, state: State) -> None:
        """What runs is never purged; a completed job whose id was given answers a resend for ten minutes."""
        gone = [
            job
            for job in self.model.jobs.values()
            if job.type == type and self.model.states(self.world.now)[job.id] == state
            and not (job.given and state is State.COMPLETED)
        ]  # fmt: skip
        assert len(gone) == self.run(purge.count(self.world.store, type, state))
        assert len(gone) == self.run(purge.purge(self.world.store, type, state))
        self.model.remove(gone, self.world.now)

    @rule(version=st.sampled_from([2, 3, 3]), delay_ms=st.sampled_from([0, DELAY_MS]))
    @precondition(lambda self: self.model.of("parked"))
    def a_worker_reads_newer_payloads(self, version: int, delay_ms: int) -> None:
        freed = [job for job in self.model.of("parked") if (job.needs or 99) <= version]
        released = self.run(parking.unpark(self.world.store, dict.fromkeys(TYPES, version), delay_ms=delay_ms))
        assert (len(freed), False) == (released.jobs, released.more)
        for job in freed:
            self.model.queue(job, self.world.now + delay_ms)

    @rule(type=types)
    @precondition(lambda self: not self.model.paused)
    def pause(self, type: str) -> None:
        try:
            self.run(self.world.pause(type))
        except UnknownJobType:
            assert type not in self.model.policies
        else:
            self.model.paused.add(type)

    @rule()
    @precondition(lambda self: self.model.paused)
    def resume(self) -> None:
        self.run(self.world.pause(self.model.paused.pop(), "resume"))
