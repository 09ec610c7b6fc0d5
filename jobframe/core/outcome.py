"""
How one attempt can end: the signals a handler raises, and the closed set of outcomes they become.

Signals are imperatives (`Cancel`), outcomes participles (`Cancelled`); `decide` turns the one into the other.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from jobframe.core.duration import to_delay_ms

__all__ = [
    "Cancel",
    "Cancelled",
    "Completed",
    "Crashed",
    "Fail",
    "Failed",
    "Interrupted",
    "Outcome",
    "Parked",
    "Retried",
    "Retry",
    "Signal",
    "Snooze",
    "Snoozed",
    "as_signal",
]


class Signal(Exception):
    """Base of what a handler may raise to say how its attempt ends."""


def as_signal(error: BaseException) -> Signal | None:
    """Return the signal that *error* is or, raised by a handler that was written for arq, stands for."""
    if isinstance(error, Signal):
        return error
    if (type(error).__module__, type(error).__name__) == ("arq.worker", "Retry"):
        after_ms: int | None = getattr(error, "defer_score", None)  # may be negative
        return Retry(None if after_ms is None else dt.timedelta(milliseconds=max(0, after_ms)))
    return None


class Retry(Signal):
    """
    Run the job again; uses an attempt.

    Attributes:
        after_ms: Wait this long instead of the policy's backoff; None keeps the policy's.
        reason: Kept with the job.

    """

    def __init__(self, after: str | dt.timedelta | None = None, reason: str = "") -> None:
        """Ask for another attempt, *after* a duration such as ``"30s"``."""
        super().__init__(reason)
        self.after_ms = None if after is None else to_delay_ms(after)
        self.reason = reason


class Snooze(Signal):
    """
    Run the job later; uses no attempt, at most ``max_snoozes`` times.

    Attributes:
        delay_ms: How long to wait.

    """

    def __init__(self, delay: str | dt.timedelta) -> None:
        """Ask to be run again after *delay*."""
        super().__init__()
        self.delay_ms = to_delay_ms(delay)


class Cancel(Signal):
    """
    End the job as cancelled.

    Attributes:
        reason: Kept with the job.

    """

    def __init__(self, reason: str = "") -> None:
        """End as cancelled for *reason*."""
        super().__init__(reason)
        self.reason = reason


class Fail(Signal):
    """
    End the job as failed now, with no further attempt.

    Attributes:
        reason: Kept with the dead letter.

    """

    def __init__(self, reason: str) -> None:
        """End as failed for *reason*."""
        super().__init__(reason)
        self.reason = reason


class Completed(msgspec.Struct, frozen=True, tag=True):
    """The handler returned; *result* is its JSON, empty for None."""

    result: bytes = b""


class Retried(msgspec.Struct, frozen=True, tag=True):
    """The attempt failed and another follows after *delay_ms*."""

    delay_ms: int


class Snoozed(msgspec.Struct, frozen=True, tag=True):
    """The handler asked to be run again after *delay_ms*; no attempt used."""

    delay_ms: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The job is a dead letter for *reason*."""

    reason: str


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The job ended as cancelled for *reason*."""

    reason: str = ""


class Parked(msgspec.Struct, frozen=True, tag=True):
    """Nothing installed here can read the job, for *reason*; it is kept as it is."""

    reason: str


class Crashed(msgspec.Struct, frozen=True, tag=True):
    """The child process of a ``run_in = "process"`` job died under it; no attempt used, run again at once."""


class Interrupted(msgspec.Struct, frozen=True, tag=True):
    """Given back because the worker stops; no attempt used, due again after *delay_ms*."""

    delay_ms: int = 0


Outcome = Completed | Retried | Snoozed | Failed | Cancelled | Parked | Crashed | Interrupted
