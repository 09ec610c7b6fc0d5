"""The tables ``[schedules.*]``: when jobs are enqueued by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from jobframe.config.lines import KeyPath, Lines
from jobframe.config.strict import Invalid, kind, structure
from jobframe.core import clock
from jobframe.core.duration import format_ms
from jobframe.core.errors import PayloadError, Problem
from jobframe.core.form import takes
from jobframe.core.jobtype import JobType
from jobframe.core.payload import sealed_fields
from jobframe.core.policy import Policy
from jobframe.core.schedule import SHORTEST_MS, Misfire, Overlap, Schedule, check_cron, check_tz

__all__ = ["NAME", "ScheduleConfig", "mistakes", "read_schedules"]

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a schedule may be called: it is a part of the ids of its jobs."""


def _not_too_often(_table: object, _field: object, value: int | None) -> None:
    if value is not None and value < SHORTEST_MS:
        msg = f"expected {format_ms(SHORTEST_MS)} or longer, got {format_ms(value)}"
        raise ValueError(msg)


def _as_text(check: Callable[[str], None], **form: Any) -> Callable[[object, object, str | None], None]:
    @takes(**form)
    def validate(_table: object, _field: object, value: str | None) -> None:
        if value is not None:
            check(value)

    return validate


@attrs.frozen
class ScheduleConfig:
    """
    The table ``[schedules.<name>]``.

    Attributes:
        job: The job type to enqueue.
        every_ms: A slot at every multiple of this since 1970-01-01 00:00 UTC, from 1s; or `cron` says when.
        cron: Minute, hour, day of month, month and day of week of its slots; or `every` says when.
        tz: The time zone of `cron`; UTC unless given.
        payload: The payload of its jobs.
        overlap: While a job of the schedule is live: `skip` the slot, `queue-one` behind it, or `allow` another.
        misfire: What no worker was there for: `skip` it, or enqueue `once` for the latest slot.

    """

    job: str
    every_ms: int | None = attrs.field(default=None, validator=_not_too_often)
    cron: str | None = attrs.field(default=None, validator=_as_text(check_cron, pattern=r"^\s*\S+(\s+\S+){4}\s*$"))
    tz: str | None = attrs.field(default=None, validator=_as_text(check_tz, minLength=1))
    payload: dict[str, Any] = attrs.field(factory=dict, repr=False)
    overlap: Overlap = "skip"
    misfire: Misfire = "skip"


def read_schedules(tables: object, lines: Lines, problems: list[Problem]) -> dict[str, Schedule]:
    """Read every ``[schedules.<name>]``, by name; what is wrong goes to *problems* and is left out."""
    if not isinstance(tables, dict):
        problems.append(lines.problem(("schedules",), f"expected a table for each schedule, got {kind(tables)}"))
        return {}
    found: dict[str, Schedule] = {}
    for name, table in tables.items():
        try:
            found[name] = _read_one(name, table)
        except Invalid as invalid:
            problems += [lines.problem(("schedules", name, *path), message) for path, message in invalid.mistakes]
    return found


def _read_one(name: str, table: object) -> Schedule:
    if not NAME.fullmatch(name):
        raise Invalid([((), "expected a name of 1 to 64 letters, digits, '_', '.' or '-'")])
    read = structure(table, ScheduleConfig)
    if wrong := list(_contradictions(read)):
        raise Invalid(wrong)
    return Schedule(
        name=name,
        job=read.job,
        every_ms=read.every_ms,
        cron=read.cron and " ".join(read.cron.split()),
        tz=read.tz or "UTC",
        payload=read.payload,
        overlap=read.overlap,
        misfire=read.misfire,
    )


def _contradictions(read: ScheduleConfig) -> Iterator[tuple[KeyPath, str]]:
    if read.every_ms is None and read.cron is None:
        yield (), 'says not when: set every = "15m" or cron = "0 2 * * *"'
    if read.every_ms is not None and read.cron is not None:
        yield ("cron",), "set every or cron, not both"
    if read.every_ms is not None and read.tz is not None:
        yield ("tz",), "belongs to cron: the multiples of every are counted in UTC"


def mistakes(schedule: Schedule, job_type: JobType, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield key and message of what is wrong with *schedule* only in the light of its *job_type* and *policy*."""
    if schedule.next_slot(clock.wall_ms()) is None:
        yield "cron", "can never fire: there is no such day in the next fifty years"
    shape = job_type.shape
    sealed = sealed_fields(shape.fields, shape.restricted, policy.encrypt)
    if in_clear := [field for field in sealed if field in schedule.payload]:
        yield "payload", f"sets {', '.join(in_clear)}, which is never kept in clear, and this file is: leave it out"
        return
    try:
        shape.encode(schedule.payload)
    except PayloadError as error:
        yield "payload", f"does not fit job type {job_type.name}: {error.problem}"
