"""``jobframe schedules``: what fires next, and a firing by hand."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.session import connected, with_jobs
from jobframe.cli.times import ago, iso
from jobframe.client.firing import fire_by_hand
from jobframe.core import clock
from jobframe.core.duration import format_ms
from jobframe.core.schedule import Schedule
from jobframe.store.schedules import Progress, read

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["next_slot", "schedules"]

_SHOWN = 5


@click.group(invoke_without_command=True, epilog=example("jobframe schedules", "jobframe schedules fire nightly"))
@as_json
@click.pass_context
def schedules(context: click.Context, /, *, as_json: bool) -> None:
    """
    Show the schedules in force and their next five slots, or fire one by hand.

    LIVE and FULL count the slots that made no job because one was live, or because its queue was full.

    --json prints a list of {"schedule", "type", "every", "cron", "tz", "overlap", "misfire", "fired", "skipped_live",
    "skipped_full", "last_fired_at", "next", "by", "version", "since"}; next has five times.
    """
    if context.invoked_subcommand is None:
        connected(context.obj, lambda jobs: _show(jobs, as_json=as_json))


@schedules.command(epilog=example("jobframe schedules fire nightly"))
@click.argument("name")
@with_jobs
async def fire(jobs: Jobs, *, name: str) -> None:
    """
    Enqueue a job of schedule NAME now and print its id.

    Neither the slots nor the overlap matter to it; the next slot comes as ever.
    """
    click.echo(await fire_by_hand(jobs, name))


async def _show(jobs: Jobs, *, as_json: bool) -> None:
    seen = await read(jobs.store)
    found = list(seen.schedules.values())
    if as_json:
        emit_json([_document(each, seen.now_ms) for each in found])
        return
    emit_table(
        ("schedule", "type", "when", "overlap", "misfire", "#fired", "#live", "#full", "last fired"),
        [
            (
                each.in_force.schedule.name,
                each.in_force.schedule.job,
                each.in_force.schedule.timing,
                each.in_force.schedule.overlap,
                each.in_force.schedule.misfire,
                str(each.fired),
                str(each.live),
                str(each.full),
                ago(each.fired_at_ms, seen.now_ms),
            )
            for each in found
        ],
        empty="No schedule is in force: write [schedules.NAME] into jobs.toml and start a worker, or jobframe apply.",
    )
    if found:
        click.echo()
        emit_table(
            ("schedule", "next", *("" for _ in range(_SHOWN - 1))),
            [(each.in_force.schedule.name, *_written(each.in_force.schedule, seen.now_ms)) for each in found],
            empty="",
        )


def next_slot(schedule: Schedule) -> str:
    """Write when *schedule* fires next, in its time zone."""
    return next(iter(_written(schedule, clock.wall_ms())))


def _written(schedule: Schedule, now_ms: int) -> list[str]:
    zone = ZoneInfo(schedule.tz)
    times = [clock.from_ms(slot).astimezone(zone) for slot in _next(schedule, now_ms)]
    return [f"{time:%Y-%m-%d %H:%M:%S %Z}" for time in times] + ["-"] * (_SHOWN - len(times))


def _next(schedule: Schedule, now_ms: int) -> list[int]:
    return list(islice(schedule.slots(now_ms), _SHOWN))


def _document(progress: Progress, now_ms: int) -> dict[str, Any]:
    in_force = progress.in_force
    schedule = in_force.schedule
    return {
        "schedule": schedule.name,
        "type": schedule.job,
        "every": None if schedule.every_ms is None else format_ms(schedule.every_ms),
        "cron": schedule.cron,
        "tz": schedule.tz,
        "overlap": schedule.overlap,
        "misfire": schedule.misfire,
        "fired": progress.fired,
        "skipped_live": progress.live,
        "skipped_full": progress.full,
        "last_fired_at": iso(progress.fired_at_ms),
        "next": [iso(slot) for slot in _next(schedule, now_ms)],
        "by": in_force.by,
        "version": in_force.version,
        "since": iso(in_force.at),
    }
