"""Rules about workers: they come with several sets of types, learn late of new lanes, renew, leave and die."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from jobframe.core.policy import Policy
from tests.conformance.machine.direct import Direct, finish
from tests.conformance.machine.model import Model
from tests.conformance.world import LEASE_MS, MINUTE, START_MS, World

TYPES = ("free", "ruled", "late")
"""One with the usual policy, one whose policy changes, and one that is announced only later."""

PERIOD_MS = LEASE_MS // 3
DELAY_MS = 700
EXPIRES_MS = 5_000
LONG_MS = 60_000
"""For a clock that is set back: longer than a due time may be ahead without being moved."""

types = st.sampled_from(TYPES)


class Fleet(RuleBasedStateMachine):
    """
    The workers, the clock, and what the model must know of both.

    Attributes:
        world: The real store.
        model: What should be in it.
        agreed: Whether they agreed when they were last compared, and nothing was done since.
        latest_time: The latest that the clock ever showed.
        workers: Worker in the fleet → when its lease ends.
        dead: Workers that left it or were taken over.
        runs: Worker → its types.
        knows: Worker → the lane of each of its types, as it last learnt.

    """

    url = ""
    namespace = ""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.url, self.namespace, Direct)
        self.latest_time = self.world.now
        self.joined = self.editors = 0
        self.runs: dict[str, set[str]] = {}
        self.knows: dict[str, dict[str, str]] = {}
        self.forget()

    def forget(self) -> None:
        """Know of nothing in the store."""
        self.model = Model()
        self.workers: dict[str, int] = {}
        self.dead: list[str] = []

    def run(self, awaitable: Any) -> Any:
        self.agreed = False
        return finish(awaitable)

    def dump(self) -> Any:
        return self.run(self.world.dump())

    @initialize()
    def begin(self) -> None:
        self.put_in_force("free", Policy())
        self.put_in_force("ruled", Policy(concurrency=2))
        self.join(set(TYPES))

    def put_in_force(self, type: str, policy: Policy, *, announced: bool = True) -> None:
        """Let a worker announce it and go, which leaves the type in a lane that others do not know, or an operator."""
        self.world.now += 1
        if announced:
            self.editors += 1
            editor = f"e{self.editors}"
            self.run(self.world.join(editor, type, edited_ms=self.world.now, **attrs.asdict(policy, recurse=False)))
            self.run(self.world.leave(editor))
        else:
            self.run(self.world.apply(type, policy))
        self.model.policies[type] = policy

    @rule(some=st.sets(types, min_size=1))
    @precondition(lambda self: len(self.workers) < 3)
    def join(self, some: set[str]) -> None:
        self.joined += 1
        worker = f"w{self.joined}"
        self.runs[worker] = some & self.model.policies.keys() or {"free"}
        self.announce(worker, joining=True)
        self.workers[worker] = self.world.now + LEASE_MS

    @rule(worker=st.integers(0, 2), other=st.none() | st.sets(types, min_size=1))
    @precondition(lambda self: self.workers)
    def announce_again(self, worker: int, other: set[str] | None) -> None:
        """Learn what is in force, or run other types from now on."""
        name = self.pick(worker)
        if other:
            self.runs[name] = other & self.model.policies.keys() or {"free"}
        self.announce(name, joining=False)

    def announce(self, worker: str, *, joining: bool) -> None:
        types = sorted(self.runs[worker])
        assert self.run(self.world.join(worker, *types, joining=joining, apply=False)).keys() == set(types)
        self.knows[worker] = {name: self.world.lanes[name] for name in types}
        for name in types:  # one that a server started again with older data has forgotten
            self.model.policies.setdefault(name, Policy())

    def pick(self, worker: int) -> str:
        return sorted(self.workers)[worker % len(self.workers)]

    @rule()
    @precondition(lambda self: "late" not in self.model.policies)
    def announce_the_late_type(self) -> None:
        self.put_in_force("late", Policy())

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: self.workers)
    def renew(self, worker: int) -> None:
        name = self.pick(worker)
        told = self.world.renew(name)
        self.workers[name] = self.world.now + LEASE_MS
        running = self.model.of("active", name)
        assert len(running) == told.held
        assert {job.field for job in running if job.cancel_asked} == told.cancels.keys()

    @rule(data=st.data())
    @precondition(lambda self: self.dead)
    def what_the_dead_ask_for_is_refused(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.dead)))
        before = self.dump()
        assert self.world.try_renew(name) is None
        assert self.run(self.world.try_claim(name, 1)) is None
        assert self.run(self.world.join(name, "free", joining=False, apply=False)) == {}
        assert self.run(self.world.leave(name)) == 0
        assert before == self.dump()

    @rule(may_take=st.booleans())
    def sweep(self, may_take: bool) -> None:  # noqa: FBT001 - drawn
        self.run(self.world.sweep(may_take=may_take))
        content = self.dump()
        for name in self.workers.keys() - content.get("workers", {}).keys():
            assert may_take
            ends = self.workers.pop(name)
            assert ends < self.world.now or ends > self.world.now + 2 * LEASE_MS, "ended, or given by another clock"
            self.dead.append(name)
            for job in self.model.of("active", name):
                self.model.crash(job, self.world.now)
        self.model.release_ended(self.world.now)
        self.model.note_time(self.world.now)
        self.run(self.world.sweep(may_take=may_take))
        assert content == self.dump(), "a second sweep has something left to do"

    @rule(survivors=st.sets(st.integers(0, 2), max_size=2))
    @precondition(lambda self: self.workers and self.world.now < START_MS + 9 * MINUTE)  # all that ended is still kept
    def let_others_be_dead(self, survivors: set[int]) -> None:
        alive = {self.pick(number) for number in survivors}
        self.world.now = max(self.world.now, *self.workers.values()) + 1
        for may_take in (False, True):
            for name in alive:
                self.world.renew(name)
                self.workers[name] = self.world.now + LEASE_MS
            self.sweep(may_take)
            self.world.now += PERIOD_MS
        assert alive == self.workers.keys()

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: len(self.workers) > 1)
    def leave(self, worker: int) -> None:
        name = self.pick(worker)
        running = self.model.of("active", name)
        assert len(running) == self.run(self.world.leave(name))
        del self.workers[name]
        self.dead.append(name)
        for job in running:
            job.count("interrupts")
            self.model.take_back(job, self.world.now)

    @rule(ms=st.sampled_from([1, DELAY_MS, PERIOD_MS, EXPIRES_MS]))
    def advance(self, ms: int) -> None:
        self.world.now += ms

    @rule(ms=st.sampled_from([1, DELAY_MS, PERIOD_MS, LONG_MS]))
    def set_the_clock_back(self, ms: int) -> None:
        self.world.now -= ms
        self.model.rates_may_be_cut = True
