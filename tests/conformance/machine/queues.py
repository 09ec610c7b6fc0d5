"""A machine that drives the real scripts and the model side by side, and compares them after each step."""

from __future__ import annotations

from hypothesis.stateful import invariant

from tests.conformance.invariants import Content, problems_in, states_in
from tests.conformance.machine.attempts import Attempts
from tests.conformance.machine.fleet import PERIOD_MS, TYPES
from tests.conformance.machine.model import OVER
from tests.conformance.machine.operators import Operators
from tests.conformance.machine.producers import Producers

MOST_PERIODS = 40
"""Until all has ended: the longest delay, and the deaths of every worker that may be left."""


class Queues(Producers, Attempts, Operators):
    """Enqueue, claim, settle, renew, sweep, leave, cancel, retry, pause and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.latest = 0

    def teardown(self) -> None:
        try:
            if self.agreed:
                self.everything_ends()
        finally:
            self.world.blocking.redis.flushdb()
            self.run(self.world.aclose())

    @invariant()
    def the_store_agrees(self) -> None:
        content = self.run(self.world.dump())
        self.latest = max(self.latest, self.world.now)
        self.model.release_ended(self.world.now)
        self.keys_agree(content)
        assert problems_in(content, self.world.now, lowered={"capped"}) == []
        assert self.model.states(self.world.now) == states_in(content, self.world.now)
        self.agreed = True

    def keys_agree(self, content: Content) -> None:
        """Compare who holds which key; the store may have dropped one whose window had once lapsed."""
        for (name, key), held in list(self.model.keys.items()):
            found = content.get(f"keys:{name}", {}).get(key)
            if found is None:
                assert held.lapse is not None
                assert held.lapse <= self.latest
                del self.model.keys[name, key]
            elif held.job.is_live:
                assert held.job.unique == found
        assert self.model.keys.keys() == {(name, key) for name in TYPES for key in content.get(f"keys:{name}", {})}

    def everything_ends(self) -> None:
        """Whatever came before: with one healthy worker, no pause and time, every live job runs and ends."""
        self.model.caps = {"free": None, "capped": 1, "late": None}
        for name in TYPES:
            self.run(self.world.join("last", name, concurrency=self.model.caps[name], edited_ms=self.world.now + 1))
        self.run(self.world.join("last", *TYPES, apply=False))
        for name in TYPES:
            self.run(self.world.pause(name, "resume"))
        for first in self.model.behind:
            if self.model.jobs[first].state == "parked":
                self.run(self.world.retry(first))
        for _ in range(MOST_PERIODS):
            if self.states() <= {*OVER, "parked"}:
                return
            self.world.now += PERIOD_MS
            self.world.renew("last")
            self.run(self.world.sweep())
            while jobs := self.run(self.world.claim("last", 2)).jobs:
                assert all(self.run(self.world.complete("last", jobs)))
        raise AssertionError(f"after {MOST_PERIODS} periods there is still one that is {self.states()}")

    def states(self) -> set[str]:
        return set(states_in(self.run(self.world.dump()), self.world.now).values())
