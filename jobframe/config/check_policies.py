"""What can be wrong with the policy of a job type only in the light of its handler and its payload's fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from jobframe.config.findings import Findings
from jobframe.config.lines import KeyPath, dotted
from jobframe.config.resolve import resolve
from jobframe.config.room import misfits
from jobframe.config.variables import word
from jobframe.core.errors import Problem
from jobframe.core.jobtype import JobType
from jobframe.core.named_fields import refused_field, refused_unique
from jobframe.core.policy import nearest

__all__ = ["check_policies"]


def check_policies(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Check what holds for each of *job_types*."""
    _check_run_in(found, job_types)
    _check_concurrency(found, job_types)
    _check_room(found, job_types)
    _check_encrypt(found, job_types)
    _check_unique(found, job_types)
    _check_keys(found, job_types)
    _check_uses(found, job_types)
    _check_groups(found, job_types)


def _check_run_in(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse async handlers in a thread and plain ones in the loop; a default that does not fit is told once."""
    unfit: dict[KeyPath, list[str]] = {}
    for name, resolved in resolve(found.config, job_types).items():
        if resolved.policy.run_in == _unfit_place(job_types[name]):
            unfit.setdefault(found.set_at(name, "run_in"), []).append(name)
    for path, names in unfit.items():
        kinds = "an async def" if job_types[names[0]].is_async else "a plain def"
        place = _unfit_place(job_types[names[0]])
        right = "loop" if place == "thread" else "thread"
        message = f'{kinds} handler cannot run in "{place}", only in "{right}" or "process": {", ".join(names)}'
        found.error(path, message, code="unfit-run-in")


def _unfit_place(job_type: JobType) -> str:
    return "thread" if job_type.is_async else "loop"


def _check_concurrency(found: Findings, job_types: Mapping[str, JobType]) -> None:
    for name, resolved in resolve(found.config, job_types).items():
        if resolved.policy.run_in != "thread" or not resolved.policy.exclusive:
            continue
        policy = resolved.policy
        key = "concurrency" if policy.concurrency is not None else "group" if policy.group is not None else "uses"
        message = (
            f"{name} is a plain def in a thread, which cannot be stopped: when this worker loses its lease, "
            f'another may start one job more than {key} says; run_in = "process" makes it exact'
        )
        found.warnings.append(found.about(name, resolved, key, message, "inexact-limit"))


def _check_room(found: Findings, job_types: Mapping[str, JobType]) -> None:
    for name, resolved in resolve(found.config, job_types).items():
        for misfit in misfits(found.config, job_types[name], resolved):
            text = f"{name}: {misfit.message}"
            found.warnings.append(found.about(name, resolved, misfit.key, text, misfit.code))


def _check_unique(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse fields that a payload does not have or that are secret; warn where a handle may outlive its job."""
    for name, resolved in resolve(found.config, job_types).items():
        policy, shape = resolved.policy, job_types[name].shape
        if policy.unique is None:
            continue
        if refused := refused_unique(name, policy.unique, shape.fields, shape.sealed(policy.encrypt)):
            part, problem = refused
            found.refuse(name, "unique", part, f"{name}: {problem}")
        if (policy.unique.window_ms or 0) > policy.keep_result_ms:
            message = (
                f"{name}: the window outlasts keep_result: an enqueue may find a job whose record is no longer kept"
            )
            found.warnings.append(found.about(name, resolved, "unique", message, "window-over-keep"))


def _check_uses(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse uses of what nobody declares, and of more than there is; a default that does not fit is told once."""
    told: dict[Problem, list[str]] = {}
    resources = found.config.resources
    for name, resolved in resolve(found.config, job_types).items():
        for use in resolved.policy.uses:
            if use.resource not in resources:
                hint = nearest(use.resource, list(resources)) if resources else ": it declares none"
                message = f"resource {use.resource!r} is not declared in [resources]{hint}"
            elif use.amount > use.capacity:
                message = f"a job takes {use.amount} of {use.resource!r}, of which [resources] declares {use.capacity}"
            else:
                continue
            told.setdefault(found.about(name, resolved, "uses", message), []).append(name)
    for problem, names in told.items():
        found.errors.append(attrs.evolve(problem, message=f"{problem.message} (used by {', '.join(names)})"))


def _check_groups(found: Findings, job_types: Mapping[str, JobType]) -> None:
    for name, resolved in resolve(found.config, job_types).items():
        policy, shape = resolved.policy, job_types[name].shape
        by = (policy.group.by,) if policy.group else ()
        if problem := refused_field(name, by, shape.fields, shape.sealed(policy.encrypt)):
            found.errors.append(found.about(name, resolved, "group", f"{name}: group by: {problem}"))


def _check_encrypt(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse names of fields that a type does not have; in ``[defaults]`` they may be those of other types."""
    for name, table in found.config.jobs.items():
        if name in job_types and (problem := _not_there(table.get("encrypt", ()), job_types[name])):
            found.error(("jobs", name, "encrypt"), problem, code="unknown-field")
    for name, job_type in job_types.items():
        given = found.config.environment.jobs.get(word(name), {}).get("encrypt")
        if given is not None and (problem := _not_there(given.value, job_type)):
            found.errors.append(Problem("", problem, given.variable, code="unknown-field"))


def _not_there(fields: Collection[str], job_type: JobType) -> str:
    shape = job_type.shape
    return next((shape.refuse(field).problem for field in fields if field not in shape.fields), "")


def _check_keys(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Warn of types with sealed fields when there is no key: a worker runs all others."""
    config = found.config
    if config.keyring.active is not None:
        return
    for name, resolved in resolve(config, job_types).items():
        sealed = job_types[name].shape.sealed(resolved.policy.encrypt)
        if sealed:
            message = (
                f"has restricted fields ({', '.join(sealed)}), and {config.encryption.keys_env} holds no key: none of "
                "its jobs can be enqueued or run here; `jobframe keys new` makes a key"
            )
            found.warnings.append(Problem(dotted(("jobs", name)), message, code="no-key"))
