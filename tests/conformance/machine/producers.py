"""Rules about producers: jobs of all kinds, and calls that are sent again."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.conformance.machine.fleet import DELAY_MS, EXPIRES_MS, Fleet, types
from tests.conformance.machine.model import Job

keys = st.sampled_from([None, None, "k1", "k2"])
delays = st.sampled_from(["", "", f"+{DELAY_MS}", "+20000"])
priorities = st.sampled_from([None, None, "high", "low"])


class Producers(Fleet):
    """They enqueue."""

    def __init__(self) -> None:
        super().__init__()
        self.last_call: tuple[list[Any], Any, int] | None = None

    @rule(type=types, given=st.sampled_from(["", "", "x", "y"]), key=keys, when=delays, priority=priorities,
          expires=st.sampled_from([None, None, EXPIRES_MS]))  # fmt: skip
    def enqueue(
        self, type: str, given: str, key: str | None, when: str, priority: str | None, expires: int | None
    ) -> None:
        encoded = self.world.job(type, given, when, given=bool(given), key=key, priority=priority, expires_ms=expires)
        known = self.model.jobs.get(f"{type}:{given}") or self.model.holder(type, key)
        number = self.world.next_number("c1")

        answer = self.run(self.world.send(encoded, number=number))

        assert [known.unique if known else None] == answer
        self.last_call = ([encoded], answer, number)
        if not known:
            due = self.world.now + int(when or 0)
            self.model.jobs[f"{type}:{encoded.unique}"] = Job(type, encoded.unique, due, self.world.now, key, expires)

    @rule()
    @precondition(lambda self: self.last_call)
    def send_the_last_call_again(self) -> None:
        assert self.last_call
        call, answer, number = self.last_call
        before = self.run(self.world.dump())
        assert answer == self.run(self.world.send(*call, number=number))
        assert before == self.run(self.world.dump())
