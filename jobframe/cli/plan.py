"""``jobframe plan`` and ``apply``: from the policy in force to that of the file, with no restart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import click

from jobframe.cli.differences import differences, drift
from jobframe.cli.invocation import Invocation
from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.schedules import next_slot
from jobframe.cli.session import connected
from jobframe.config.changes import Change, Load
from jobframe.config.schedule_changes import schedule_changes
from jobframe.core.schedule import Schedule
from jobframe.core.who import who
from jobframe.project import Project, load_project
from jobframe.store import inspect, policies, schedules

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["apply", "plan"]


@attrs.frozen
class _Plan:
    """
    What would change, and whose files say something else.

    Attributes:
        changes: Every key that would change.
        documents: The policies that would change it.
        drift: A line for each worker whose own file says another policy than is in force.
        schedules: How many schedules come, go or become others.

    """

    changes: list[Change]
    documents: list[policies.InForce]
    drift: list[str]
    schedules: int = 0


@click.command(epilog=example("jobframe plan"))
@as_json
@click.pass_obj
def plan(invocation: Invocation, /, *, as_json: bool) -> None:
    """
    Show what differs between the policy in force and jobs.toml, and what a change would mean now.

    Nothing is changed. A job type that no worker has announced yet is shown as new. When running workers have another
    file than is in force, a line says which.

    --json prints a list of {"type", "key", "before", "after", "consequence"}.
    """
    project = load_project(invocation.config)
    _show(connected(invocation, lambda jobs: _compare(jobs, project)), as_json=as_json)


@click.command(epilog=example("jobframe apply"))
@as_json
@click.pass_obj
def apply(invocation: Invocation, /, *, as_json: bool) -> None:
    """
    Put the policy of jobs.toml in force: running workers obey from their next claim on.

    Only what stands in [defaults], [jobs.*], [resources] and [schedules.*]; workers read the other tables themselves,
    when they start. A worker that is started later with an older file follows what is in force.

    --json prints what was changed, as plan does.
    """
    project = load_project(invocation.config)

    async def change(jobs: Jobs) -> _Plan:
        found = await _compare(jobs, project)
        await policies.apply(jobs.store, found.documents)
        await schedules.put(jobs.store, project.policies, project.schedules, who())
        return found

    _show(connected(invocation, change), as_json=as_json, done=True)


async def _compare(jobs: Jobs, project: Project) -> _Plan:
    snapshot = await inspect.snapshot(jobs.store, "")
    types, found = project.registry.catalog.types, _Plan([], [], list(drift(snapshot.workers)))
    in_force = await policies.read(jobs.store, project.policies)
    loads = {each.type: each.counts for each in snapshot.types}
    for name, resolved in project.policies.items():
        mine = policies.document(types[name], resolved.policy, who())
        counts = loads.get(name, {})
        load = Load(counts.get("waiting", 0) + counts.get("delayed", 0), counts.get("active", 0))
        if name not in in_force:
            found.changes.append(Change(name, "policy", "none", "new", "no worker has announced this type yet"))
        elif mine.digest != in_force[name].digest:
            found.changes.extend(differences(in_force[name], mine, load))
        else:
            continue
        found.documents.append(mine)
    old, new = await _scheduled(jobs, project), _by_name(project.schedules)
    found.changes.extend(schedule_changes(old, new, next_slot))
    return attrs.evolve(found, schedules=sum(old.get(name) != new.get(name) for name in {**old, **new}))


async def _scheduled(jobs: Jobs, project: Project) -> dict[str, Schedule]:
    """Read the schedules in force that the project's file speaks of: those of its job types, and those of its names."""
    seen = [each.in_force.schedule for each in (await schedules.read(jobs.store)).schedules.values()]
    mine = _by_name(project.schedules)
    return _by_name(each for each in seen if each.job in project.policies or each.name in mine)


def _by_name(found: Iterable[Schedule]) -> dict[str, Schedule]:
    return {each.name: each for each in found}


def _show(found: _Plan, *, as_json: bool, done: bool = False) -> None:
    if as_json:
        emit_json([attrs.asdict(change) for change in found.changes])
        return
    emit_table(
        ("type", "key", "in force", "jobs.toml", "consequence"),
        [(each.type, each.key, each.before, each.after, each.consequence) for each in found.changes],
        empty="The policy in force is that of jobs.toml.",
    )
    if not done:
        for line in found.drift:
            click.echo(line, err=True)
    if found.changes:
        counts = ((len(found.documents), "job type"), (found.schedules, "schedule"))
        what = " and ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count)
        click.echo(f"In force now for {what}." if done else f"`jobframe apply` puts this in force for {what}.")
