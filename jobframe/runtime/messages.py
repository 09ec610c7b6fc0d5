"""What passes between a worker and its child processes: a handler to run, and how it ended for each of its jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import msgspec

from jobframe.core.context import Context
from jobframe.core.outcome import Signal
from jobframe.core.progress import Progress
from jobframe.runtime.result import BadResult
from jobframe.store.enqueue import Encoded

__all__ = ["Answer", "Part", "RemoteError", "Request", "together"]


@attrs.frozen
class Part:
    """
    One job that a handler is run for.

    Attributes:
        body: The payload's JSON.
        facts: Arguments of its `Context`.
        secret: JSON list of the values that may be told nowhere.

    """

    body: bytes = attrs.field(repr=False)
    facts: dict[str, Any]
    secret: bytes = attrs.field(default=b"", repr=False)


def together(secrets: Iterable[bytes]) -> bytes:
    """Join the JSON lists of what is sealed in several payloads; empty when all are."""
    found = [each for each in secrets if each]
    return b"[" + b",".join(found) + b"]" if found else b""


@attrs.frozen
class Request:
    """
    A handler to run.

    Attributes:
        type: Job type.
        parts: Its jobs: one, or those of a call of a batch handler.
        worker: Who holds them.

    """

    type: str
    parts: tuple[Part, ...]
    worker: str


class RemoteError(Exception):
    """
    What a handler raised in a child.

    Attributes:
        class_names: Names by which ``retry_on`` and ``fail_on`` may call it.
        described: Class, scrubbed message and frames, as `describe` gives them.
        class_name: Its class without the module.

    """

    def __init__(self, names: set[str], described: tuple[str, str, tuple[str, ...]]) -> None:
        """Stand for the child's exception."""
        super().__init__(described[1])
        self.class_names = names
        self.described = described
        self.class_name = described[0].rpartition(".")[2]


@attrs.frozen
class Answer:
    """
    How a handler ended in a child, for one job.

    Attributes:
        result: Its result as JSON.
        follow_ups: The follow-ups it made.
        reported: How far it came, unless that is written.
        refused: Why its result cannot be kept.
        signal: Class and arguments of the signal it raised.
        error: Arguments of the `RemoteError` for any other exception.

    """

    result: bytes = b""
    follow_ups: tuple[Encoded, ...] = ()
    reported: Progress | None = None
    refused: str = ""
    signal: tuple[type[Signal], tuple[Any, ...]] | None = None
    error: tuple[set[str], tuple[str, str, tuple[str, ...]]] | None = None

    def check(self) -> None:
        """Raise what the handler raised, if it did, or what is wrong with its result."""
        if self.refused:
            raise BadResult(self.refused)
        if self.signal is not None:
            cls, arguments = self.signal
            raise cls(*arguments)
        if self.error is not None:
            raise RemoteError(*self.error)

    def take(self, context: Context) -> msgspec.Raw | None:
        """Hand what the handler left to *context* and return its result, or raise what it raised."""
        context.reported = self.reported
        self.check()
        context.follow_ups.extend(self.follow_ups)
        return msgspec.Raw(self.result) if self.result else None
