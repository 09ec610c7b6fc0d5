"""
What one job type may do, in one frozen value, and the strict reading of each of its keys.

The table `KEYS` is the only place that says which keys a type has: the decorator, ``jobs.toml``, the environment and
the documentation's test all read it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import attrs

from jobframe.core.backoff import Backoff, Jitter, Strategy
from jobframe.core.duration import parse_ms
from jobframe.core.form import form_of, table, takes
from jobframe.core.group import Group, parse_group
from jobframe.core.rate import Rate, parse_rate
from jobframe.core.resource import Use, parse_uses
from jobframe.core.shown import shown
from jobframe.core.unique import UNTIL_DONE, Mode, Unique

__all__ = ["KEYS", "Policy", "Priority", "nearest", "nearest_name", "parse_backoff", "parse_key", "parse_unique"]

Priority = Literal["high", "normal", "low"]
RunIn = Literal["loop", "thread", "process"]


@attrs.frozen(kw_only=True)
class Policy:
    """
    The policy of one job type, every duration in milliseconds.

    Attributes:
        run_in: Where its handler runs: the event ``loop``, a ``thread`` or a killable child ``process``.
        concurrency: Jobs that may run at once over all workers; None is no limit.
        per_worker: Jobs that may run at once in one worker process; None is no limit.
        rate_limit: How often jobs may start over all workers; None is no limit.
        uses: What each running job takes of the resources that several types share.
        group: How many jobs with one value of a field of their payload may run at once; None is no limit.
        priority: Its share when a worker is full: high 4, normal 2, low 1.
        max_retries: Attempts after the first one.
        backoff: The wait between attempts.
        timeout_ms: One attempt may take this long.
        retry_on: Only exceptions of these classes are retried; empty is every ``Exception``.
        fail_on: Exceptions of these classes end the job at once; stronger than *retry_on*.
        keep_result_ms: Completed and cancelled jobs and results are kept this long.
        keep_completed: At most this many completed jobs are kept.
        keep_failed_ms: Failed jobs are kept this long for inspection and replay.
        expires_ms: A job not started this long after its enqueue never starts; None is never.
        max_waiting: An enqueue that would make more jobs wait is refused; None is no limit.
        max_snoozes: A job may ask to be run later this often without using an attempt.
        encrypt: Payload fields that the deployment has sealed, beside those that the author restricted.
        unique: Which jobs are equal, so that an enqueue finds the one there is; None is only those of one ``key=``.

    """

    run_in: RunIn = "loop"
    concurrency: int | None = None
    per_worker: int | None = None
    rate_limit: Rate | None = None
    uses: tuple[Use, ...] = ()
    group: Group | None = None
    priority: Priority = "normal"
    max_retries: int = 3
    backoff: Backoff = attrs.field(factory=Backoff)
    timeout_ms: int = 300_000
    retry_on: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    keep_result_ms: int = 3_600_000
    keep_completed: int = 10_000
    keep_failed_ms: int = 30 * 86_400_000
    expires_ms: int | None = None
    max_waiting: int | None = None
    max_snoozes: int = 1_000
    encrypt: tuple[str, ...] = ()
    unique: Unique | None = None

    @property
    def exclusive(self) -> bool:
        """Whether jobs may not run beyond a limit of the fleet, not even while a worker is cut off."""
        return self.concurrency is not None or self.group is not None or bool(self.uses)


def parse_key(key: str, value: object) -> tuple[str, Any]:
    """
    Read one policy key as written in ``jobs.toml`` or in the decorator.

    Returns:
        The `Policy` attribute it sets and the value for it: ``("timeout", "2m")`` → ``("timeout_ms", 120000)``.

    Raises:
        KeyError: No such key; its argument is a sentence with the nearest name.
        ValueError: The value does not fit; the text says what would.

    """
    if key not in KEYS:
        raise KeyError(f"unknown key {key!r}" + nearest(key, KEYS))
    attribute, parse = KEYS[key]
    return attribute, parse(value)


def parse_backoff(value: object) -> Backoff:
    """
    Read a backoff: a strategy's name, or a table of strategy, base, factor, cap and jitter.

    Raises:
        ValueError: It is neither, or one of its parts does not fit.

    """
    parts = value if isinstance(value, Mapping) else {"strategy": value}
    return Backoff(**_parse_parts("backoff", parts, _BACKOFF_KEYS))


def parse_unique(value: object) -> Unique:
    """
    Read a table of by, window, mode and max_wait.

    Raises:
        ValueError: It is none, or one of its parts does not fit.

    """
    if not isinstance(value, Mapping):
        msg = f'expected a table such as {{ by = ["document_id"] }}, got {shown(value)}'
        raise ValueError(msg)  # noqa: TRY004 - every value that does not fit is a ValueError
    return Unique(**_parse_parts("unique", value, _UNIQUE_KEYS))


def _parse_parts(
    key: str, parts: Mapping[Any, object], known: Mapping[str, tuple[str, Callable[[object], Any]]]
) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for part, value in parts.items():
        if part not in known:
            msg = f"unknown key {part!r} of {key}{nearest(part, known)}"
            raise ValueError(msg)
        attribute, parse = known[part]
        try:
            parsed[attribute] = parse(value)
        except ValueError as error:
            msg = f"{key} {part}: {error}"
            raise ValueError(msg) from None
    return parsed


def nearest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """Return ``": did you mean 'x'?"`` with the known name most like *name*, or what is known when nothing is."""
    close = nearest_name(name, known)
    return f": did you mean {close!r}?" if close else f": known are {', '.join(sorted(known))}"


def nearest_name(name: str, known: Mapping[str, object] | list[str]) -> str | None:
    """Return the known name most like *name*; None when nothing is like it."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return close[0] if close else None


def _whole(low: int, high: int) -> Callable[[object], int]:
    @takes(type="integer", minimum=low, maximum=high)
    def parse(value: object) -> int:
        if type(value) is not int or not low <= value <= high:
            msg = f"expected a whole number from {low} to {high}, got {shown(value)}"
            raise ValueError(msg)
        return value

    return parse


def _number(low: float, high: float) -> Callable[[object], float]:
    @takes(type="number", minimum=low, maximum=high)
    def parse(value: object) -> float:
        if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator] # just checked
            msg = f"expected a number from {low:g} to {high:g}, got {shown(value)}"
            raise ValueError(msg)
        return float(value)  # type: ignore[arg-type] # just checked

    return parse


def _one_of(*words: str) -> Callable[[object], str]:
    @takes(enum=list(words))
    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            msg = f"expected one of {', '.join(words)}, got {shown(value)}"
            raise ValueError(msg)
        return value

    return parse


@takes(type="string", pattern=r"^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)(ms|s|m|h|d)$")
def _longer_than_zero(value: object) -> int:
    ms = parse_ms(value)
    if ms == 0:
        msg = f"expected a duration longer than 0, got {shown(value)}"
        raise ValueError(msg)
    return ms


@takes(anyOf=[{"const": UNTIL_DONE}, form_of(_longer_than_zero)])
def _window(value: object) -> int | None:
    if value == UNTIL_DONE:
        return None
    try:
        return _longer_than_zero(value)
    except ValueError:
        msg = f'expected "{UNTIL_DONE}" or a duration longer than 0 such as "10m", got {shown(value)}'
        raise ValueError(msg) from None


@takes(type="array", items={"type": "string", "minLength": 1})
def _class_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        msg = f'expected a list of exception class names such as ["TimeoutError"], got {shown(value)}'
        raise ValueError(msg)
    return tuple(value)


@takes(type="array", items={"type": "string", "minLength": 1})
def _field_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        msg = f'expected a list of names of payload fields such as ["note"], got {shown(value)}'
        raise ValueError(msg)
    return tuple(value)


_BACKOFF_KEYS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "strategy": ("strategy", _one_of(*get_args(Strategy))),
    "base": ("base_ms", parse_ms),
    "factor": ("factor", _number(1.0, 100.0)),
    "cap": ("cap_ms", parse_ms),
    "jitter": ("jitter", _one_of(*get_args(Jitter))),
}
takes(anyOf=[form_of(_BACKOFF_KEYS["strategy"][1]), table(_BACKOFF_KEYS, Backoff)])(parse_backoff)

_UNIQUE_KEYS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "by": ("by", _field_names),
    "window": ("window_ms", _window),
    "mode": ("mode", _one_of(*get_args(Mode))),
    "max_wait": ("max_wait_ms", _longer_than_zero),
}
takes(**table(_UNIQUE_KEYS, Unique))(parse_unique)

KEYS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "run_in": ("run_in", _one_of(*get_args(RunIn))),
    "concurrency": ("concurrency", _whole(1, 1_000_000)),
    "per_worker": ("per_worker", _whole(1, 10_000)),
    "rate_limit": ("rate_limit", parse_rate),
    "uses": ("uses", parse_uses),
    "group": ("group", parse_group),
    "priority": ("priority", _one_of(*get_args(Priority))),
    "max_retries": ("max_retries", _whole(0, 10_000)),
    "backoff": ("backoff", parse_backoff),
    "timeout": ("timeout_ms", _longer_than_zero),
    "retry_on": ("retry_on", _class_names),
    "fail_on": ("fail_on", _class_names),
    "keep_result": ("keep_result_ms", parse_ms),
    "keep_completed": ("keep_completed", _whole(0, 10_000_000)),
    "keep_failed": ("keep_failed_ms", parse_ms),
    "expires": ("expires_ms", _longer_than_zero),
    "max_waiting": ("max_waiting", _whole(1, 1_000_000_000)),
    "max_snoozes": ("max_snoozes", _whole(0, 1_000_000)),
    "encrypt": ("encrypt", _field_names),
    "unique": ("unique", parse_unique),
}
"""Key of a type in ``jobs.toml`` → the `Policy` attribute it sets and its strict parser."""
