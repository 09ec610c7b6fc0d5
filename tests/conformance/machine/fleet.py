"""Rules about workers: they come with several sets of types, learn late of new lanes, renew, leave and die."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.conformance.machine.direct import Direct, finish
from tests.conformance.machine.model import Model
from tests.conformance.world import LEASE_MS, MINUTE, START_MS, World

TYPES = ("free", "capped", "late")
"""One without a limit, one with, and one that is announced only later."""

PERIOD_MS = LEASE_MS // 3
DELAY_MS = 700
EXPIRES_MS = 5_000

types = st.sampled_from(TYPES)


class Fleet(RuleBasedStateMachine):
    """
    The workers, the clock, and what the model must know of both.

    Attributes:
        world: The real store.
        model: What should be in it.
        agreed: Whether they agreed when they were last compared, and nothing was done since.
        workers: Worker in the fleet → when its lease ends.
        knows: Worker → the lane of each of its types, as it last learnt.

    """

    url = ""
    namespace = ""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.url, self.namespace, Direct)
        self.model = Model(caps={"free": None, "capped": 2})
        self.workers: dict[str, int] = {}
        self.joined = self.editors = 0
        self.runs: dict[str, set[str]] = {}
        self.knows: dict[str, dict[str, str]] = {}

    def run(self, awaitable: Any) -> Any:
        self.agreed = False
        return finish(awaitable)

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
        self.run(self.world.join(editor, type, concurrency=self.model.caps[type], edited_ms=self.world.now))
        self.run(self.world.leave(editor))

    @rule(some=st.sets(types, min_size=1))
    @precondition(lambda self: len(self.workers) < 3)
    def join(self, some: set[str]) -> None:
        self.joined += 1
        worker = f"w{self.joined}"
        self.runs[worker] = some & self.model.caps.keys() or {"free"}
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
        self.model.caps["capped"] = cap
        self.put_in_force("capped")

    @rule()
    @precondition(lambda self: "late" not in self.model.caps)
    def announce_the_late_type(self) -> None:
        self.model.caps["late"] = None
        self.put_in_force("late")

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: self.workers)
    def renew(self, worker: int) -> None:
        name = self.pick(worker)
        told = self.world.renew(name)
        self.workers[name] = self.world.now + LEASE_MS
        running = self.model.of("active", name)
        assert len(running) == told.held
        assert {f"{job.type}\t{job.unique}" for job in running if job.cancel_asked} == told.cancels.keys()

    @rule(may_take=st.booleans())
    def sweep(self, may_take: bool) -> None:  # noqa: FBT001 - drawn
        self.run(self.world.sweep(may_take=may_take))
        here = self.run(self.world.dump()).get("workers", {}).keys()
        for name in self.workers.keys() - here:
            assert may_take
            assert self.workers.pop(name) < self.world.now
            for job in self.model.of("active", name):
                job.crash()

    @rule()
    @precondition(lambda self: self.workers and self.world.now < START_MS + 9 * MINUTE)  # all that ended is still kept
    def let_all_be_dead(self) -> None:
        self.world.now = max(self.world.now, *self.workers.values()) + 1
        self.sweep(may_take=False)
        self.world.now += PERIOD_MS
        self.sweep(may_take=True)
        assert not self.workers

    @rule(worker=st.integers(0, 2))
    @precondition(lambda self: len(self.workers) > 1)
    def leave(self, worker: int) -> None:
        name = self.pick(worker)
        running = self.model.of("active", name)
        assert len(running) == self.run(self.world.leave(name))
        del self.workers[name]
        for job in running:
            job.give_back()

    @rule(ms=st.sampled_from([1, DELAY_MS, PERIOD_MS, EXPIRES_MS]))
    def advance(self, ms: int) -> None:
        self.world.now += ms

    @rule(ms=st.sampled_from([1, DELAY_MS, PERIOD_MS]))
    def set_the_clock_back(self, ms: int) -> None:
        self.world.now -= ms
