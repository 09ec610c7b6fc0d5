"""``jobframe check``: jobs.toml against the installed plugins and, on request, the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import attrs
import click

from jobframe.cli.differences import drift
from jobframe.cli.failures import CONFIGURATION, OK, PLUGIN
from jobframe.cli.invocation import Invocation
from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json
from jobframe.cli.session import connected
from jobframe.config.check import Report
from jobframe.config.lines import dotted
from jobframe.config.schema import Config
from jobframe.core.errors import ConfigError, Problem
from jobframe.project import Project, inspect_project
from jobframe.runtime.startup import look
from jobframe.store import policies, schedules
from jobframe.store.endpoint import parse

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["check"]

Severity = Literal["error", "plugin", "warning"]


@attrs.frozen
class Finding:
    """
    One thing that check has to say.

    Attributes:
        severity: ``error`` and ``plugin`` stop a worker, ``warning`` does not.
        problem: What and where.

    """

    severity: Severity
    problem: Problem


@click.command(epilog=example("jobframe check --store"))
@click.option("--store", is_flag=True, help="Check the server too; exit 4 when it does not answer.")
@click.option("--strict", is_flag=True, help="Exit 3 for warnings too.")
@as_json
@click.pass_obj
def check(invocation: Invocation, /, *, store: bool, strict: bool, as_json: bool) -> None:
    """
    Check jobs.toml against the installed plugins.

    Exit 0 when a worker would start, 3 when the file is wrong, 5 when a plugin that it needs is broken. With --store
    also check whether the server answers, keeps its data, never evicts, and follows this very file.

    --json prints {"ok", "file", "plugins", "types", "schedules", "problems"}; problems is a list of {"code",
    "severity", "file", "line", "path", "message", "hint"}, severity one of error, plugin, warning; hint ends the
    message or is empty.
    """
    project, findings = _examine(invocation)
    if store and project is not None and _exit_code(findings) == OK:
        findings += connected(invocation, lambda jobs: _check_server(jobs, project))
    code = _exit_code(findings, strict=strict)
    if as_json:
        emit_json(_document(project, findings, code))
    else:
        _print(project, findings, code)
    raise click.exceptions.Exit(code)


def _examine(invocation: Invocation) -> tuple[Project | None, list[Finding]]:
    try:
        project, report = inspect_project(invocation.config)
    except ConfigError as error:
        return None, [Finding("error", problem) for problem in error.problems]
    return project, [*_of_the_url(project.config), *_findings(report)]


def _of_the_url(config: Config) -> Iterator[Finding]:
    """Read the URL as a worker does: only the store knows what one may say."""
    try:
        parse(config.redis.url or "redis://")
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("error", config.lines.problem(("redis", "url"), problem.message))


def _findings(report: Report) -> Iterator[Finding]:
    yield from (Finding("error", problem) for problem in report.errors)
    yield from (Finding("plugin", Problem("", str(error), code="plugin-not-loaded")) for error in report.broken)
    yield from (Finding("warning", problem) for problem in report.warnings)


async def _check_server(jobs: Jobs, project: Project) -> list[Finding]:
    try:
        snapshot, concerns = await look(jobs.store, project.config.runtime.durability, project.config.arq.queue)
    except ConfigError as error:
        return [Finding("error", problem) for problem in error.problems]
    found = [
        Finding("error" if each.refuses else "warning", Problem("redis", each.text, code=f"server-{each.about}"))
        for each in concerns
    ]
    in_force = await policies.read(jobs.store, project.policies)
    for name, resolved in project.policies.items():
        mine = policies.document(project.registry.catalog.types[name], resolved.policy, "")
        if name in in_force and in_force[name].digest != mine.digest:
            message = "another policy than this file's is in force: a worker that starts with this file changes it"
            found.append(Finding("warning", Problem(f'jobs."{name}"', message, code="not-in-force")))
    scheduled = (await schedules.read(jobs.store)).schedules
    for schedule in project.schedules:
        if schedule.name in scheduled and scheduled[schedule.name].in_force.schedule != schedule:
            message = "another one than this file's is in force: jobframe plan shows the difference"
            found.append(
                Finding("warning", Problem(dotted(("schedules", schedule.name)), message, code="not-in-force"))
            )
    found += [Finding("warning", Problem("", line, code="drift")) for line in drift(snapshot.workers)]
    return found


def _exit_code(findings: list[Finding], *, strict: bool = False) -> int:
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return CONFIGURATION
    if "plugin" in severities:
        return PLUGIN
    return CONFIGURATION if strict and severities else OK


def _document(project: Project | None, findings: list[Finding], code: int) -> dict[str, Any]:
    return {
        "ok": code == OK,
        "file": str(project.config.path) if project and project.config.path else None,
        "plugins": len(project.registry.plugins) if project else 0,
        "types": len(project.policies) if project else 0,
        "schedules": len(project.schedules) if project else 0,
        "problems": [
            {"severity": each.severity, **attrs.asdict(each.problem), "hint": each.problem.hint} for each in findings
        ],
    }


def _print(project: Project | None, findings: list[Finding], code: int) -> None:
    colours = {"error": "red", "plugin": "red", "warning": "yellow"}
    for finding in findings:
        click.echo(f"{click.style(finding.severity, fg=colours[finding.severity])}: {finding.problem}", err=True)
    if code == OK and project is not None:
        file = project.config.path or "No jobs.toml, so the defaults"
        fits = f"{len(project.registry.plugins)} plugins and {len(project.policies)} job types"
        also = f", {len(project.schedules)} schedules" if project.schedules else ""
        click.echo(f"{file}: ok with {fits}{also}")
    elif _exit_code(findings) == OK:
        click.echo("a worker would start, but --strict wants no warning either", err=True)
    else:
        stopping = sum(finding.severity != "warning" for finding in findings)
        click.echo(f"{stopping} {'problem stops' if stopping == 1 else 'problems stop'} the worker", err=True)
