"""Rules about producers: calls with jobs of all kinds, calls that are refused, and calls that are sent again."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobframe.core.errors import QueueFull, StoreFull
from jobframe.store.enqueue import Encoded, Stale
from tests.conformance.machine.exclusion import Rule
from tests.conformance.machine.fleet import DELAY_MS, EXPIRES_MS, Fleet, types
from tests.conformance.machine.job import Job

RULES = {
    "plain": Rule(),
    "window": Rule(2 * EXPIRES_MS),
    "debounced": Rule(replace=True),
    "both": Rule(EXPIRES_MS, replace=True, max_wait_ms=EXPIRES_MS),
}
"""The keys, each with an exclusion of its own."""


@attrs.frozen
class Wanted:
    """A job as a producer describes it; *given* is the id it chose, if any."""

    type: str
    given: str = ""
    key: str | None = None
    delay_ms: int = 0
    priority: str | None = None
    expires: int | None = None


def wanted(**fixed: Any) -> st.SearchStrategy[Wanted]:
    choices: dict[str, Any] = {
        "type": types,
        "given": st.sampled_from(["", "", "x", "y"]),
        "key": st.sampled_from([None, None, *RULES, "debounced"]),
        "delay_ms": st.sampled_from([0, 0, DELAY_MS, 20_000]),
        "priority": st.sampled_from([None, None, "high", "low"]),
        "expires": st.sampled_from([None, None, EXPIRES_MS]),
    }
    return st.builds(Wanted, **{**choices, **fixed})


rarely = st.sampled_from([False] * 5 + [True])
clients = st.sampled_from(["c1", "c2"])


class Producers(Fleet):
    """
    They enqueue.

    Attributes:
        enqueued: The calls that were answered: client, number, jobs.
        latest: Client → the number of its latest such call, and the answer.
        memory_is_full: Whether the server takes no more.

    """

    def __init__(self) -> None:
        super().__init__()
        self.memory_is_full = False

    def forget(self) -> None:
        super().forget()
        self.model.rules = RULES
        self.enqueued: list[tuple[str, int, list[Encoded]]] = []
        self.latest: dict[str, tuple[int, list[str | None]]] = {}

    def encode(self, job: Wanted) -> Encoded:
        equal: dict[str, Any] = {"key": job.key, **attrs.asdict(RULES[job.key])} if job.key else {}
        return self.world.job(
            job.type, job.given, f"+{job.delay_ms}" if job.delay_ms else "", given=bool(job.given),
            priority=job.priority, expires_ms=job.expires, **equal,
        )  # fmt: skip

    def expect(self, job: Wanted, encoded: Encoded) -> str | None:
        """Put a job into the model, or answer which one stands in its place."""
        now = self.world.now
        new = Job(
            type=job.type,
            unique=encoded.unique,
            due=now + job.delay_ms,
            enqueued=now,
            key=job.key,
            given=bool(job.given),
            expires=job.expires,
            priority=job.priority,
        )
        stands = self.model.jobs.get(new.id) or self.model.enqueue(new, job.delay_ms or None, now)
        return None if stands is new else stands.unique

    def is_too_much(self, jobs: list[Wanted]) -> bool:
        """Tell whether more jobs of the ruled type would wait than may; one that finds its equal makes nobody wait."""
        most, ruled = self.model.policy("ruled").max_waiting, [job for job in jobs if job.type == "ruled"]
        seen: set[Any] = set()
        new = 0
        for job in ruled:
            holder = self.model.holder("ruled", job.key, self.world.now)
            replaces = job.key is not None and RULES[job.key].replace
            equal = (job.given and (job.given in seen or f"ruled:{job.given}" in self.model.jobs)) or (
                job.key and (("key", job.key) in seen or (holder and not (replaces and holder.state == "active")))
            )
            new += not equal
            seen |= {job.given, ("key", job.key)}
        return most is not None and new > 0 and self.model.waiting("ruled") + new > most

    @rule(
        jobs=st.lists(wanted(), min_size=1, max_size=3), client=clients, outdated=st.sampled_from([False] * 5 + [True])
    )
    def enqueue(self, jobs: list[Wanted], client: str, outdated: bool) -> None:  # noqa: FBT001 - drawn
        self.send(sorted(jobs, key=lambda job: job.type), client, int(outdated))

    @rule(type=types, count=st.integers(1, 4))
    def enqueue_plain_jobs(self, type: str, count: int) -> None:
        self.send([Wanted(type)] * count)

    def send(self, jobs: list[Wanted], client: str = "c1", versions_behind: int = 0) -> None:
        encoded = [self.encode(job) for job in jobs]
        encoded = [attrs.evolve(each, policy_version=each.policy_version - versions_behind) for each in encoded]
        number = self.world.next_number(client)
        before = self.dump()
        answer: Any
        try:
            answer = self.run(self.world.send(*encoded, client=client, number=number))
        except (StoreFull, QueueFull) as error:
            answer = error
        refusal = self.refusal(jobs, versions_behind)
        if refusal:
            assert isinstance(answer, refusal)
            assert before == self.dump()
            return
        self.model.note_time(self.world.now)
        assert [self.expect(*each) for each in zip(jobs, encoded, strict=True)] == answer
        self.enqueued.append((client, number, encoded))
        self.latest[client] = (number, answer)

    def refusal(self, jobs: list[Wanted], versions_behind: int) -> type | None:
        if self.memory_is_full:
            return StoreFull
        if versions_behind:
            return Stale
        return QueueFull if self.is_too_much(jobs) else None

    @rule(data=st.data())
    @precondition(lambda self: self.enqueued)
    def send_an_enqueue_again(self, data: st.DataObject) -> None:
        """The latest call of a client answers as before; the echo of an older one, late, answers nothing."""
        client, number, encoded = data.draw(st.sampled_from(self.enqueued))
        latest, answer = self.latest[client]
        before = self.dump()
        try:
            again = self.run(self.world.send(*encoded, client=client, number=number))
        except StoreFull:
            assert self.memory_is_full
        else:
            assert again == (answer if number == latest else [])
        assert before == self.dump()
