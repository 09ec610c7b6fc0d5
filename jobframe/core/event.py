"""What observers are told: one frozen value per transition that this process makes."""

from __future__ import annotations

import attrs

from jobframe.core.job import State

__all__ = ["Event"]


@attrs.frozen(kw_only=True)
class Event:
    """
    A job changed its state here.

    Attributes:
        type: Job type.
        id: Job id.
        state: The state it is in now; ``delayed`` after a retry or snooze.
        attempt: Number of the attempt this is about.
        outcome: ``started``, or the name of the outcome in lower case: ``completed``, ``retried``, ``failed`` …
        run_ms: How long the attempt ran; 0 when it started.
        reason: Why it failed, was cancelled or parked; empty otherwise.

    """

    type: str
    id: str
    state: State
    attempt: int
    outcome: str
    run_ms: int = 0
    reason: str = ""
