"""What an attempt's end means for its job: pure rules, no clock, no dice of their own."""

from __future__ import annotations

from jobframe.core.backoff import delay_ms
from jobframe.core.outcome import (
    Cancel,
    Cancelled,
    Crashed,
    Fail,
    Failed,
    Outcome,
    Retried,
    Retry,
    Snooze,
    Snoozed,
    as_signal,
)
from jobframe.core.policy import Policy

__all__ = ["POISON_CRASHES", "SUSPECT_CRASHES", "class_names", "decide", "decide_crash"]

SUSPECT_CRASHES = 2
"""A job that was in flight when so many processes died runs in a child process of its own: it may be the reason."""

POISON_CRASHES = 10
"""A job is given up after so many, also when no child of its own showed that it is the reason."""

"""A job whose process died that often is a dead letter; sweep.lua counts the deaths of whole workers alike."""

_OTHER_NAMES: dict[type, tuple[str, ...]] = {
    TimeoutError: ("asyncio.TimeoutError", "concurrent.futures.TimeoutError", "socket.timeout"),
    OSError: ("IOError", "EnvironmentError"),
}
"""By which Python still lets people import them."""


def decide(policy: Policy, attempt: int, snoozes: int, error: BaseException, roll: float) -> Outcome:  # noqa: PLR0911
    """
    Decide how the job goes on after *attempt* (from 1) ended with *error*.

    A signal says it itself. Anything else is retried while attempts are left, unless the policy's ``fail_on`` names
    its class or its ``retry_on`` does not. ``asyncio.TimeoutError`` counts as an attempt like any exception.

    Args:
        policy: The job's policy, with the job's own ``max_retries`` in it.
        attempt: Number of the attempt that ended.
        snoozes: Snoozes used before this one.
        error: What the handler raised.
        roll: A number in ``[0, 1)`` for the backoff's jitter.

    """
    match signal := as_signal(error):
        case Snooze():
            if snoozes >= policy.max_snoozes:
                return Failed(f"max_snoozes: asked to be run later more than {policy.max_snoozes} times")
            return Snoozed(signal.delay_ms)
        case Cancel():
            return Cancelled(signal.reason)
        case Fail():
            return Failed(signal.reason)
    if attempt > policy.max_retries:
        last = _name(error)
        return Failed(f"exhausted: {attempt} of {policy.max_retries + 1} attempts failed, the last with {last}")
    if isinstance(signal, Retry):
        after = signal.after_ms
        return Retried(delay_ms(policy.backoff, attempt, roll) if after is None else after)
    names = class_names(error)
    if names & set(policy.fail_on):
        return Failed(f"fail_on: {_name(error)}")
    if policy.retry_on and not names & set(policy.retry_on):
        return Failed(f"not in retry_on: {_name(error)}")
    return Retried(delay_ms(policy.backoff, attempt, roll))


def decide_crash(crashes: int) -> Outcome:
    """Decide how a job goes on whose child process died under it, which is its *crashes*-th crash by now."""
    if crashes > SUSPECT_CRASHES:  # the last one was a child of its own, and nobody else's doing
        return Failed(f"poison: its process died {crashes} times while it ran")
    return Crashed()


def _name(error: BaseException) -> str:
    return getattr(error, "class_name", type(error).__name__)  # the former when it was raised in a child process


def class_names(error: BaseException) -> set[str]:
    """Return what ``retry_on`` and ``fail_on`` may call *error*: its class and bases, with and without module."""
    remote: set[str] | None = getattr(error, "class_names", None)  # raised in a child process
    if remote is not None:
        return remote
    names: set[str] = set()
    for cls in type(error).__mro__:
        if cls in (BaseException, object):  # which nobody means
            continue
        names.update((cls.__name__, f"{cls.__module__}.{cls.__qualname__}", *_OTHER_NAMES.get(cls, ())))
        package = cls.__module__.partition(".")[0]
        names.add(f"{package}.{cls.__name__}")  # aiohttp.ClientError is defined in aiohttp.client_exceptions
    return names
