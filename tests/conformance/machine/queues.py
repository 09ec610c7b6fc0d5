"""A machine that drives the real scripts and the model side by side, and compares them after each step."""

from __future__ import annotations

import contextlib
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from jobframe.core.errors import JobNotFound
from jobframe.core.policy import Policy
from jobframe.store.doctor import examine
from jobframe.store.operate import NotRetryable
from tests.conformance.invariants import problems_in, states_in
from tests.conformance.machine.fleet import PERIOD_MS, TYPES
from tests.conformance.machine.job import OVER
from tests.conformance.machine.operators import Operators
from tests.conformance.machine.troubles import Troubles

MOST_PERIODS = 40
"""Until all has ended: the longest delay, and the deaths of every worker that may be left."""


class Queues(Troubles, Operators):
    """Whatever producers, workers, operators, time and the server do, in any order."""

    def teardown(self) -> None:
        try:
            if self.agreed:
                self.everything_ends()
        finally:
            self.redis.config_set("maxmemory", 0)
            self.redis.flushdb()
            self.run(self.world.aclose())

    @invariant()
    def the_store_agrees(self) -> None:
        self.latest_time = max(self.latest_time, self.world.now)
        content = self.dump()
        assert self.run(self.world.limited()) == []
        self.model.release_ended(self.world.now)
        self.keys_agree(content)
        assert problems_in(content, self.world.now, lowered={"ruled"}, latest=self.latest_time) == []
        assert self.model.states(self.world.now) == states_in(content, self.world.now)
        self.judge_records(content)
        self.judge_rates(content)
        self.agreed = True

    def keys_agree(self, content: Any) -> None:
        """Compare who holds which key; the store may have dropped one whose window had once lapsed."""
        for (name, key), held in list(self.model.keys.items()):
            found = content.get(f"keys:{name}", {}).get(key)
            if found is None:
                assert held.lapse is not None
                assert held.lapse <= self.latest_time
                del self.model.keys[name, key]
            elif held.job.is_live:
                assert held.job.unique == found
        assert self.model.keys.keys() == {(name, key) for name in TYPES for key in content.get(f"keys:{name}", {})}

    def judge_records(self, content: Any) -> None:
        """What happened to each job is counted, each kind of it apart."""
        for job in self.model.jobs.values():
            if job.state != "completed":
                counts = content.get(f"record:{job.type}", {}).get(job.unique, "0,0,0,0|").partition("|")[0]
                assert counts.split(",")[:4] == [str(count) for count in attrs.astuple(job.record)[:4]], job.id
            if job.state in ("failed", "cancelled", "parked"):
                assert job.unique in content[f"reason:{job.type}"]
            if job.needs:
                assert content[f"needs:{job.type}"][job.unique] == job.needs

    def judge_rates(self, content: Any) -> None:
        """Only starts move a rate on; only another clock or policy takes it back, to one burst from now."""
        for name, text in content.get("rates", {}).items():
            now_us, stored, known = 1000 * self.world.now, float(text), self.model.arrivals.get(name, 0)
            if self.model.rates_may_be_cut:
                assert stored <= max(known, 1000 * self.latest_time)
                self.model.arrivals[name] = stored
            else:
                assert max(stored, now_us) == max(known, now_us)

    @rule(number=st.integers(0, 99))
    @precondition(lambda self: self.model.jobs)
    def evict(self, number: int) -> None:
        """Lose a key, as only a server does that must not be used: what is left can be mended, and all of it ends."""
        keys = sorted(self.redis.keys(self.world.store.keys.prefix + "*"))
        self.redis.delete(keys[number % len(keys)])
        left = self.dump()
        self.run(examine(self.world.store, repair=True))
        assert {} == self.run(examine(self.world.store)).troubles
        states = states_in(self.dump(), self.world.now)
        for job in self.model.jobs.values():
            if job.type in self.model.policies:  # the doctor finds a type that nobody announced by its queue alone
                assert job.id in states or job.unique not in left.get(f"payload:{job.type}", {})
        self.everything_ends()
        self.begin_anew()

    def begin_anew(self) -> None:
        self.redis.flushdb()
        self.redis.config_set("maxmemory", 0)
        self.memory_is_full = False
        self.forget()
        self.begin()
        self.run(self.world.learn())

    def everything_ends(self) -> None:
        """Whatever came before: with one healthy worker, no pause and time, every live job runs and ends."""
        for name in TYPES:
            self.put_in_force(name, Policy(concurrency=1 if name == "ruled" else None))
        self.run(self.world.join("last", *TYPES, apply=False))
        for name in TYPES:
            self.run(self.world.pause(name, "resume"))
        for first in self.model.behind:
            with contextlib.suppress(JobNotFound, NotRetryable):
                self.run(self.world.retry(first))
        self.world.now = max(self.world.now, self.latest_time)  # jobs that are delayed wait for it, if it was set back
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
        return set(states_in(self.dump(), self.world.now).values())
