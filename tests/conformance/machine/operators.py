"""Rules about operators: cancel, retry, pause and resume, whatever a job is doing."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobframe.core.errors import UnknownJobType
from jobframe.store.operate import KeyHeld, NotRetryable
from tests.conformance.machine.fleet import Fleet, types
from tests.conformance.machine.model import OVER


class Operators(Fleet):
    """They decide otherwise."""

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
        holder = self.model.holder(job.type, job.key, self.world.now)
        blocked = holder not in (None, job) and holder.is_live and job.state != "parked"
        try:
            self.run(self.world.retry(job.id))
        except NotRetryable:
            assert job.state in ("queued", "active", "completed")
        except KeyHeld:
            assert blocked
        else:
            assert job.state in ("failed", "cancelled", "parked")
            assert not blocked
            if job.state != "parked":
                self.model.take_again(job, self.world.now)
            job.queue(self.world.now)
            if job.expires is not None:
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
