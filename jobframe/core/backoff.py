"""How long to wait before the next attempt: arithmetic only, the dice come in as a number."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Backoff", "delay_ms"]

Strategy = Literal["none", "fixed", "linear", "exponential"]
Jitter = Literal["none", "full", "equal"]


@attrs.frozen
class Backoff:
    """
    The wait between the attempts of a job, every duration in milliseconds.

    Attributes:
        strategy: ``none`` (at once), ``fixed`` (base), ``linear`` (base times n) or ``exponential``
            (base times factor^(n-1)) after attempt n.
        base_ms: The first wait.
        factor: Growth per attempt of ``exponential``.
        cap_ms: No wait is longer.
        jitter: ``none``; ``full`` (uniform between 0 and the wait); ``equal`` (half fixed, half uniform).

    """

    strategy: Strategy = "exponential"
    base_ms: int = 1_000
    factor: float = 2.0
    cap_ms: int = 600_000
    jitter: Jitter = "full"


def delay_ms(backoff: Backoff, attempt: int, roll: float) -> int:
    """
    Milliseconds to wait after failed attempt number *attempt* (from 1).

    Full and equal jitter are those of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).

    Args:
        backoff: The policy.
        attempt: Attempts made so far, at least 1.
        roll: A number in ``[0, 1)``: the only chance in it.

    """
    wait = min(_unjittered_ms(backoff, attempt), float(backoff.cap_ms))
    if backoff.jitter == "full":
        wait *= roll
    elif backoff.jitter == "equal":
        wait = wait / 2 + wait / 2 * roll
    return round(wait)


def _unjittered_ms(backoff: Backoff, attempt: int) -> float:
    match backoff.strategy:
        case "none":
            return 0.0
        case "fixed":
            return float(backoff.base_ms)
        case "linear":
            return float(backoff.base_ms * attempt)
    try:  # exponential
        return backoff.base_ms * backoff.factor ** (attempt - 1)
    except OverflowError:
        return float(backoff.cap_ms)
