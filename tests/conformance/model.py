"""
A model of the queues, small enough to be seen right, and a machine that drives it and the real scripts side by side.

What the model cannot know, because the store may choose, is read from the answer and judged: which of the due jobs a
claim takes, whether a sweep comes late enough to take over.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from jobframe.core.errors import UnknownJobType
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Outcome, Parked, Retried, Snoozed
from jobframe.store.claim import Claimed
from jobframe.store.operate import KeyHeld, NotRetryable
from tests.conformance.invariants import limits_of, problems_in, states_in
from tests.conformance.world import LEASE_MS, MINUTE, START_MS, World

TYPES = ("free", "capped", "late")
"""One without a limit, one with, and one that is announced only later."""

POISON = 3
DELAY_MS = 700
EXPIRES_MS = 5_000
PERIOD_MS = LEASE_MS // 3

types = st.sampled_from(TYPES)
keys = st.sampled_from([None, None, "k1", "k2"])
delays = st.sampled_from(["", "", "+700", "+20000"])
priorities = st.sampled_from([None, None, "high", "low"])
ends = (Completed(b"1"), Failed("why"), Cancelled("why"), Parked("why"))
givings_back = (Retried(DELAY_MS), Retried(0), Snoozed(DELAY_MS), Interrupted(), Crashed())
outcomes = st.sampled_from([*ends, *givings_back])

STATE_AFTER: dict[type, str] = {Completed: "completed", Failed: "failed", Cancelled: "cancelled", Parked: "parked"}
OVER = ("completed", "failed", "cancelled")


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
    cancel_asked: bool = False
    crashes: int = 0

    @property
    def id(self) -> str:
        return f"{self.type}:{self.unique}"

    def queue(self, due: int) -> None:
        self.state, self.due, self.worker = "queued", due, ""

    def end(self, state: str) -> None:
        self.state, self.worker, self.cancel_asked = state, "", False


class Queues(RuleBasedStateMachine):
    """Enqueue, claim, settle, renew, sweep, leave, cancel, retry, pause and time, in any order."""

    claims = Bundle("claims")
    url = ""
    namespace = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world: World = self.run(_make(self.url, self.namespace))
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, int] = {}
        self.caps: dict[str, int | None] = {"free": None, "capped": 2}
        self.paused: set[str] = set()
        self.fence = 0
        self.joined = self.editors = 0
        self.runs: dict[str, set[str]] = {}
        self.knows: dict[str, dict[str, str]] = {}
        self.last_call: tuple[list[Any], Any, int] | None = None

    def run(self, awaitable: Any) -> Any:
        self.agreed = False
        return self.runner.run(awaitable)

    def teardown(self) -> None:
        try:
            if self.agreed:
                self.everything_ends()
        finally:
            self.run(self.world.store.redis.flushall())
            self.run(self.world.aclose())
            self.runner.close()

    # What the model can tell

    def of(self, state: str, worker: str | None = None) -> list[Job]:
        return [job for job in self.jobs.values() if job.state == state and worker in (None, job.worker)]

    def holder(self, type: str, key: str | None) -> Job | None:
        live = [
            job for job in self.jobs.values() if key and (job.type, job.key) == (type, key) and job.state not in OVER
        ]
        return live[0] if live else None

    def is_open(self, type: str) -> bool:
        cap, running = self.caps.get(type), [job for job in self.of("active") if job.type == type]
        return type in self.caps and type not in self.paused and (cap is None or len(running) < cap)

    def that_could_start(self) -> list[Job]:
        return [job for job in self.of("queued") if job.due <= self.world.now and self.is_open(job.type)]

    def has_expired(self, job: Job) -> bool:
        return job.expires is not None and self.world.now >= job.enqueued + job.expires

    # Rules

    @initialize()
    def begin(self) -> None:
        self.put_in_force("free")
        self.put_in_force("capped")
        self.join(set(TYPES))

    def put_in_force(self, type: str) -> None:
        """Let somebody announce a policy and go; it leaves the type in another lane than the workers know of."""
        self.world.now += 1
        self.editors += 1
        editor = f"e{self.editors}"
        self.run(self.world.join(editor, type, concurrency=self.caps[type], edited_ms=self.world.now))
        self.run(self.world.leave(editor))

    @rule(some=st.sets(types, min_size=1))
    @precondition(lambda self: len(self.workers) < 3)
    def join(self, some: set[str]) -> None:
        self.joined += 1
        worker = f"w{self.joined}"
        self.runs[worker] = some & self.caps.keys() or {"free"}
        self.announce(worker, joining=True)
        self.workers[worker] = self.world.now + LEASE_MS

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: self.workers)
    def learn_what_is_in_force(self, worker: int) -> None:
        self.announce(self.pick(worker), joining=False)

    def announce(self, worker: str, *, joining: bool) -> None:
        types = sorted(self.runs[worker])
        assert self.run(self.world.join(worker, *types, joining=joining, apply=False)).keys() == set(types)
        self.knows[worker] = {name: self.world.lanes[name] for name in types}

    def pick(self, worker: int) -> str:
        return sorted(self.workers)[worker % len(self.workers)]

    @rule(cap=st.sampled_from([1, 2, 3, None]))
    def change_the_limit(self, cap: int | None) -> None:
        self.caps["capped"] = cap
        self.put_in_force("capped")

    @rule()
    @precondition(lambda self: "late" not in self.caps)
    def announce_the_late_type(self) -> None:
        self.caps["late"] = None
        self.put_in_force("late")

    @rule(type=types, given=st.sampled_from(["", "", "x", "y"]), key=keys, when=delays, priority=priorities,
          expires=st.sampled_from([None, None, EXPIRES_MS]))  # fmt: skip
    def enqueue(
        self, type: str, given: str, key: str | None, when: str, priority: str | None, expires: int | None
    ) -> None:
        encoded = self.world.job(type, given, when, given=bool(given), key=key, priority=priority, expires_ms=expires)
        known = self.jobs.get(f"{type}:{given}") or self.holder(type, key)
        number = self.world.next_number("c1")

        answer = self.run(self.world.send(encoded, number=number))

        assert [known.unique if known else None] == answer
        self.last_call = ([encoded], answer, number)
        if not known:
            due = self.world.now + int(when or 0)
            self.jobs[f"{type}:{encoded.unique}"] = Job(type, encoded.unique, due, self.world.now, key, expires)

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
        could_start = {job.id for job in self.that_could_start() if job.type in known}
        lanes = dict.fromkeys(sorted(set(self.knows[name].values())), room)

        answer = self.run(self.world.claim(name, room, quantum=quantum, lanes=lanes))

        for claimed in answer.jobs:
            job = self.jobs[f"{claimed.type}:{claimed.unique}"]
            assert job.id in could_start
            assert job.state == "queued"
            assert not self.has_expired(job)
            assert claimed.fence > self.fence
            assert claimed.due_ms == job.due
            job.state, job.worker = "active", name
        self.fence = max([self.fence, *(claimed.fence for claimed in answer.jobs)])
        self.end_those_found_expired(could_start)
        assert len(answer.jobs) <= room
        if len(answer.jobs) < room and not answer.more:
            assert [] == [job for job in self.that_could_start() if job.type in known]
        return name, answer.jobs

    def end_those_found_expired(self, could_start: set[str]) -> None:
        states = states_in(self.run(self.world.dump()), self.world.now)
        for job in self.of("queued"):
            if states[job.id] == "failed":
                assert job.id in could_start
                assert self.has_expired(job)
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
        held = self.run(self.world.dump()).get(f"held:{worker}", {})
        mine = [held.get(f"{job.type}\t{job.unique}", "").startswith(f"{job.fence}@") for job in claimed]
        before = self.run(self.world.dump())

        answers = self.run(self.world.settle(worker, *(self.world.ended(job, outcome) for job in claimed)))

        assert mine == answers
        if not any(answers):
            assert before == self.run(self.world.dump())
        for job, counted in zip(claimed, answers, strict=True):
            if counted:
                self.conclude(self.jobs[f"{job.type}:{job.unique}"], outcome)

    def conclude(self, job: Job, outcome: Outcome) -> None:
        assert job.state == "active"
        ended = STATE_AFTER.get(type(outcome)) or ("cancelled" if job.cancel_asked else None)
        if ended:
            job.end(ended)
            return
        match outcome:
            case Retried(delay) | Snoozed(delay):
                job.queue(self.world.now + delay)
            case _:
                job.queue(job.due)

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: self.workers)
    def renew(self, worker: int) -> None:
        name = self.pick(worker)
        told = self.world.renew(name)
        self.workers[name] = self.world.now + LEASE_MS
        running = self.of("active", name)
        assert len(running) == told.held
        assert {f"{job.type}\t{job.unique}" for job in running if job.cancel_asked} == told.cancels.keys()

    @rule(may_take=st.booleans())
    def sweep(self, may_take: bool) -> None:  # noqa: FBT001 - drawn
        self.run(self.world.sweep(may_take=may_take))
        here = self.run(self.world.dump()).get("workers", {}).keys()
        for name in self.workers.keys() - here:
            assert may_take
            assert self.workers.pop(name) < self.world.now
            for job in self.of("active", name):
                self.crash(job)

    def crash(self, job: Job) -> None:
        job.crashes += 1
        if job.cancel_asked:
            job.end("cancelled")
        elif job.crashes >= POISON:
            job.end("failed")
        else:
            job.queue(job.due)

    @rule()
    @precondition(lambda self: self.workers and self.world.now < START_MS + 9 * MINUTE)  # all that ended is still kept
    def let_all_be_dead(self) -> None:
        self.world.now += LEASE_MS + 1
        self.sweep(may_take=False)
        self.world.now += PERIOD_MS
        self.sweep(may_take=True)
        assert not self.workers

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: len(self.workers) > 1)
    def leave(self, worker: int) -> None:
        name = self.pick(worker)
        running = self.of("active", name)
        assert len(running) == self.run(self.world.leave(name))
        del self.workers[name]
        for job in running:
            if job.cancel_asked:
                job.end("cancelled")
            else:
                job.queue(job.due)

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def cancel(self, data: st.DataObject) -> None:
        job = self.jobs[data.draw(st.sampled_from(sorted(self.jobs)))]
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
    @precondition(lambda self: self.jobs)
    def retry(self, data: st.DataObject) -> None:
        job = self.jobs[data.draw(st.sampled_from(sorted(self.jobs)))]
        holder = self.holder(job.type, job.key)
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
            assert type not in self.caps
        else:
            self.paused.add(type)

    @rule(type=types)
    def resume(self, type: str) -> None:
        if type in self.caps:
            self.run(self.world.pause(type, "resume"))
            self.paused.discard(type)

    @rule(ms=st.sampled_from([1, DELAY_MS, PERIOD_MS, EXPIRES_MS]))
    def advance(self, ms: int) -> None:
        self.world.now += ms

    # What holds at any moment

    @invariant()
    def the_store_agrees(self) -> None:
        content = self.run(self.world.dump())
        assert problems_in(content, self.world.now, lowered={"capped"}) == []
        expected = {job.id: job.state for job in self.jobs.values()}
        for job in self.of("queued"):
            expected[job.id] = "waiting" if job.due <= self.world.now else "delayed"
        assert expected == states_in(content, self.world.now)
        self.agreed = True

    def everything_ends(self) -> None:
        """Whatever came before: with one healthy worker, no pause and time, every live job runs and ends."""
        self.caps = {"free": None, "capped": 1, "late": None}
        self.join_for_the_end()
        for name in TYPES:
            self.run(self.world.pause(name, "resume"))
        for _ in range(40):
            self.world.now += PERIOD_MS
            for name in self.workers:
                self.world.try_renew(name)
            self.sweep_for_the_end()
            while jobs := self.run(self.world.claim("last", 2)).jobs:
                assert all(self.run(self.world.complete("last", jobs)))
        states = set(states_in(self.run(self.world.dump()), self.world.now).values())
        assert states <= {*OVER, "parked"}

    def join_for_the_end(self) -> None:
        for name in TYPES:
            self.run(self.world.join("last", name, concurrency=self.caps[name], edited_ms=self.world.now + 1))
        self.run(self.world.join("last", *TYPES, apply=False))
        self.workers = {"last": 0}

    def sweep_for_the_end(self) -> None:
        while self.run(self.world.sweep()).more:
            pass


async def _make(url: str, namespace: str) -> World:
    return World(url, namespace)
