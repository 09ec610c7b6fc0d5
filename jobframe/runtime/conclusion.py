"""From what happened in an attempt to the outcome that is recorded: the last step but one, writing nothing itself."""

from __future__ import annotations

from typing import Any

import attrs

from jobframe.core import clock, ids
from jobframe.core.decide import decide, decide_crash
from jobframe.core.duration import format_ms
from jobframe.core.job import AttemptError
from jobframe.core.outcome import Cancelled, Completed, Fail, Failed, Interrupted, Outcome, Snoozed
from jobframe.core.scrub import describe, scrub
from jobframe.runtime.children import ChildDied
from jobframe.runtime.messages import RemoteError
from jobframe.runtime.result import BadResult, encode
from jobframe.runtime.running import Attempt
from jobframe.store.codec import Record
from jobframe.store.notes import encode_progress
from jobframe.store.settle import Settled

__all__ = ["conclude", "interrupted"]


def conclude(attempt: Attempt, result: Any, raised: BaseException | None, worker: str) -> Settled:
    """
    Turn what happened into an outcome; what ended the attempt from outside stands over what it did later.

    Args:
        attempt: The attempt.
        result: What its handler returned.
        raised: What its handler raised instead.
        worker: Who ran it, for the record of errors.

    """
    match attempt.ended:
        case "cancel":
            return _settled(attempt, Cancelled(attempt.reason))
        case "interrupt":
            return interrupted(attempt)
        case "timeout":
            raised = TimeoutError(f"over its timeout of {format_ms(attempt.policy.timeout_ms)}")
    if isinstance(raised, ChildDied):
        return _crashed(attempt, raised, worker)
    if raised is None:
        try:
            return _settled(attempt, Completed(encode(result, attempt.secret)))
        except BadResult as error:
            raised = error
    if isinstance(raised, BadResult):
        return _settled(attempt, Failed(f"result: {raised}"))
    return _raised(attempt, raised, worker)


def interrupted(attempt: Attempt, delay_ms: int = 0) -> Settled:
    """Conclude an attempt that is given back: no attempt used, due again after *delay_ms* milliseconds."""
    record = attrs.evolve(attempt.record, interrupts=attempt.record.interrupts + 1)
    return _settled(attempt, Interrupted(delay_ms), record)


def _raised(attempt: Attempt, raised: BaseException, worker: str) -> Settled:
    before, seen, secret = attempt.record, attempt.seen, attempt.secret
    outcome = decide(attempt.policy, before.attempts + 1, before.snoozes, raised, ids.roll())
    match outcome:
        case Snoozed():
            return _settled(attempt, outcome, attrs.evolve(before, snoozes=before.snoozes + 1))
        case Cancelled(reason):
            return _settled(attempt, Cancelled(scrub(reason, seen, secret)))
        case Failed(reason) if isinstance(raised, Fail):  # the handler's words; all others are ours
            outcome = Failed(scrub(reason, seen, secret))
    errors = (*before.errors, _described(attempt, raised, worker))
    return _settled(attempt, outcome, attrs.evolve(before, attempts=before.attempts + 1, errors=errors))


def _crashed(attempt: Attempt, died: ChildDied, worker: str) -> Settled:
    before = attempt.record
    errors = (*before.errors, _described(attempt, died, worker))
    record = attrs.evolve(before, crashes=before.crashes + 1, errors=errors)
    return _settled(attempt, decide_crash(record.crashes), record)


def _described(attempt: Attempt, raised: BaseException, worker: str) -> AttemptError:
    described = raised.described if isinstance(raised, RemoteError) else describe(raised, attempt.seen, attempt.secret)
    return AttemptError(attempt.record.attempts + 1, clock.wall_ms(), worker, _run_ms(attempt), *described)


def _settled(attempt: Attempt, outcome: Outcome, record: Record | None = None) -> Settled:
    claimed = attempt.claimed
    return Settled(
        claimed.type,
        claimed.unique,
        claimed.fence,
        claimed.due_ms,
        outcome,
        b"" if record is None else record.encode(),
        max(0, claimed.started_ms - claimed.due_ms),
        _run_ms(attempt),
        attempt.context.follow_ups,  # type: ignore[arg-type] # a worker's follow-ups are encoded jobs
        b"" if isinstance(outcome, Completed) else _reached(attempt),
    )


def _reached(attempt: Attempt) -> bytes:
    """Say how far it came when that is not noted yet."""
    progress = attempt.context.unwritten
    return b"" if progress is None else encode_progress(progress.scrubbed(attempt.seen, attempt.secret))


def _run_ms(attempt: Attempt) -> int:
    return round((clock.monotonic() - attempt.started) * 1000)
