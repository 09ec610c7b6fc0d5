"""The call of a batch handler: several attempts that start and stop together, each with an end of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jobframe.core.batch import Job
from jobframe.runtime.messages import Answer, Request, together
from jobframe.runtime.running import Attempt, cannot_stop

__all__ = ["Call", "Member", "calls"]


class Member(Attempt):
    """
    One attempt of a call; ended from outside it stays in the call, which is stopped once all of them are.

    Attributes:
        call: Its call.

    """

    __slots__ = ("call",)
    call: Call

    @property
    def seen(self) -> bytes:
        """JSON of the payloads of the whole call: its handler may name one job's values in the error of another."""
        return self.call.seen

    @property
    def secret(self) -> bytes:
        """JSON list of what is sealed in the whole call."""
        return self.call.secret


class Call:
    """
    One call of a batch handler, to be carried out by a pool as a single attempt is.

    Attributes:
        members: Its attempts, all of one type and timeout, in the order of the handler's list.
        stop: Ends the handler where that can be done.
        task: What carries it out.
        seen: JSON of all payloads.
        secret: JSON list of what is sealed in any of them; empty when nothing is.

    """

    def __init__(self, members: Sequence[Member]) -> None:
        """Bind *members* together."""
        self.members = members
        self.stop: Callable[[], object] = cannot_stop
        self.task: asyncio.Task[None] | None = None
        self.seen = b"[" + b",".join(bytes(each.envelope.body) for each in members) + b"]"
        self.secret = together(each.found.secret for each in members)
        for member in members:
            member.call = self
            member.context.secret = self.secret
            member.stop = self._stop_if_ended

    @property
    def pool(self) -> str:
        """Which pool runs it."""
        return self.members[0].pool

    @property
    def ended(self) -> bool:
        """Whether every member was ended from outside."""
        return all(each.ended for each in self.members)

    def invoke(self) -> Any:
        """Call the handler."""
        return self.members[0].runnable.type.handler([Job(each.payload, each.context) for each in self.members])

    def request(self) -> Request:
        """Say what a child needs to call the handler."""
        first = self.members[0]
        return Request(first.claimed.type, tuple(each.part() for each in self.members), first.context.worker)

    def take(self, answers: Sequence[Answer]) -> list[Any]:
        """Hand the follow-ups that a child's handler made to their members and return each result or exception."""
        return [_taken(answer, each) for answer, each in zip(answers, self.members, strict=True)]

    def ends(self, results: Sequence[Any], raised: BaseException | None) -> Iterator[tuple[Member, Any, Any]]:
        """Go through the members, each with its result and its exception, of which one is None."""
        if raised is not None:
            yield from ((member, None, raised) for member in self.members)
            return
        for member, result in zip(self.members, results, strict=True):
            yield (member, None, result) if isinstance(result, BaseException) else (member, result, None)

    def _stop_if_ended(self) -> None:
        if self.ended:
            self.stop()


def calls(members: Sequence[Member], size: int) -> Iterator[Call]:
    """Cut *members* into calls of at most *size*; a timeout is the call's, so only equal ones come together."""
    by_timeout: dict[int, list[Member]] = {}
    for member in members:
        if member.is_suspect:
            yield Call([member])
        else:
            by_timeout.setdefault(member.policy.timeout_ms, []).append(member)
    for group in by_timeout.values():
        for start in range(0, len(group), size):
            yield Call(group[start : start + size])


def _taken(answer: Answer, member: Member) -> Any:
    try:
        return answer.take(member.context)
    except Exception as error:  # noqa: BLE001 - whatever the handler made this member's end
        return error
