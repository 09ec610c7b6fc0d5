"""Rules about producers: jobs of all kinds, and calls that are sent again."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.conformance.machine.fleet import DELAY_MS, EXPIRES_MS, Fleet, types
from tests.conformance.machine.model import Job, Rule

RULES = {
    "plain": Rule(),
    "window": Rule(2 * EXPIRES_MS),
    "debounced": Rule(replace=True),
    "both": Rule(EXPIRES_MS, replace=True, max_wait_ms=EXPIRES_MS),
}
keys = st.sampled_from([None, None, *RULES, "debounced"])
delays = st.sampled_from(["", "", f"+{DELAY_MS}", "+20000"])
priorities = st.sampled_from([None, None, "high", "low"])


class Producers(Fleet):
    """They enqueue."""

    def __init__(self) -> None:
        super().__init__()
        self.model.rules = RULES
        self.last_call: tuple[list[Any], Any, int] | None = None

    @rule(type=types, given=st.sampled_from(["", "", "x", "y"]), key=keys, when=delays, priority=priorities,
          expires=st.sampled_from([None, None, EXPIRES_MS]))  # fmt: skip
    def enqueue(
        self, type: str, given: str, key: str | None, when: str, priority: str | None, expires: int | None
    ) -> None:
        equal: dict[str, Any] = {"key": key, **attrs.asdict(RULES[key])} if key else {}
        encoded = self.world.job(type, given, when, given=bool(given), priority=priority, expires_ms=expires, **equal)
        number = self.world.next_number("c1")

        answer = self.run(self.world.send(encoded, number=number))

        job = Job(type, encoded.unique, self.world.now + int(when or 0), self.world.now, key, expires)
        known = self.model.jobs.get(job.id)
        known = known or self.model.enqueue(job, int(when) if when else None, self.world.now)
        assert [None if known is job else known.unique] == answer
        self.last_call = ([encoded], answer, number)

    @rule()
    @precondition(lambda self: self.last_call)
    def send_the_last_call_again(self) -> None:
        assert self.last_call
        call, answer, number = self.last_call
        before = self.run(self.world.dump())
        assert answer == self.run(self.world.send(*call, number=number))
        assert before == self.run(self.world.dump())
