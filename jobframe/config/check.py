"""What can be wrong with a configuration only in the light of the installed plugins and their job types."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from jobframe.config.check_policies import check_policies
from jobframe.config.findings import Findings, Plugin, Report, by_name, nearest_installed
from jobframe.config.lines import KeyPath
from jobframe.config.resolve import resolve
from jobframe.config.schedules import mistakes
from jobframe.config.schema import Config
from jobframe.config.variables import word
from jobframe.core.errors import JobframeError, PluginError, Problem, UnknownJobType
from jobframe.core.jobtype import JobType

__all__ = ["Plugin", "Report", "check", "missing"]


def check(
    config: Config,
    job_types: Mapping[str, JobType],
    plugins: Collection[Plugin],
    with_settings: Collection[str] = (),
) -> Report:
    """
    Check *config* against what is installed.

    Args:
        config: The configuration, as far as it could be read.
        job_types: Every job type of the loaded plugins, by name.
        plugins: Every installed plugin, loaded or not.
        with_settings: Names of the loaded plugins that take settings.

    """
    found = Findings(config, by_name(plugins))
    _check_types(found, job_types)
    _check_schedules(found, job_types)
    _check_variables(found, job_types)
    _check_settings(found, with_settings)
    _check_plugin_names(found, {plugin.distribution: plugin.version for plugin in plugins})
    check_policies(found, job_types)
    found.warn_of_the_rest()
    return found.report()


def missing(type: str, job_types: Mapping[str, JobType], plugins: Collection[Plugin]) -> JobframeError:
    """Say why *type*, asked for by name, is none of *job_types*: its plugin is not loaded, or the name is wrong."""
    plugin = by_name(plugins).get(_first_word(type))
    if plugin is not None and plugin.state != "loaded":
        return PluginError(plugin.name, f"{plugin.state}: {plugin.error}; so job type {type!r} is not available")
    close = difflib.get_close_matches(type, job_types, n=1)
    return UnknownJobType(type, close[0] if close else None)


def _check_types(found: Findings, job_types: Mapping[str, JobType]) -> None:
    for name in (name for name in found.config.jobs if name not in job_types):
        _tell_missing(found, name, ("jobs", name), job_types)


def _tell_missing(found: Findings, name: str, path: KeyPath, job_types: Mapping[str, JobType]) -> None:
    """Say why job type *name*, which the file names at *path*, is not there."""
    plugin = found.plugins.get(_first_word(name))
    if plugin is not None and plugin.state != "loaded":
        found.needs(plugin, path)
        return
    suspects = [plugin.name for plugin in found.broken()]
    hint = f" (plugins that could not be loaded: {', '.join(suspects)})" if suspects else ""
    found.error(path, f"unknown job type {name!r}{nearest_installed(name, job_types)}{hint}")


def _check_schedules(found: Findings, job_types: Mapping[str, JobType]) -> None:
    policies = resolve(found.config, job_types)
    for name, schedule in found.config.schedules.items():
        path, job_type = ("schedules", name), job_types.get(schedule.job)
        if job_type is None:
            _tell_missing(found, schedule.job, (*path, "job"), job_types)
            continue
        policy = policies[schedule.job].policy
        for key, message in mistakes(schedule, job_type, policy):
            found.error((*path, key), message)
        if schedule.overlap == "queue-one" and policy.concurrency != 1:
            found.warn(
                (*path, "overlap"), f"two jobs may run at once: with concurrency = 1 for {schedule.job} one waits"
            )


def _check_variables(found: Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse variables that name no job type, or more than one: dots, dashes and underscores look alike there."""
    for name, values in found.config.environment.jobs.items():
        meant = [job_type for job_type in job_types if word(job_type) == name]
        if len(meant) == 1:
            continue
        if meant:
            message = f"means both {' and '.join(meant)}: set it in [jobs.<type>] of jobs.toml"
        else:
            message = f"unknown job type {name}{nearest_installed(name, [word(job_type) for job_type in job_types])}"
        found.errors += [Problem("", message, given.variable) for given in values.values()]


def _check_settings(found: Findings, with_settings: Collection[str]) -> None:
    for name in (name for name in found.config.settings if name not in with_settings):
        path = ("settings", name)
        plugin = found.plugins.get(name)
        if plugin is None:
            found.error(path, f"unknown plugin {name!r}{nearest_installed(name, found.plugins)}")
        elif plugin.state == "loaded":
            found.error(path, f"plugin {name} takes no settings: remove the table")
        else:
            found.needs(plugin, path)


def _check_plugin_names(found: Findings, distributions: Mapping[str, str]) -> None:
    """Look for what ``[plugins]`` names in *distributions*: name → version."""
    allowed: dict[NormalizedName, list[SpecifierSet]] = {}
    for index, entry in enumerate(found.config.plugins.allow or ()):
        requirement = Requirement(entry)
        distribution = canonicalize_name(requirement.name)
        if distribution in distributions:
            allowed.setdefault(distribution, []).append(requirement.specifier)
        else:
            message = (
                f"no installed plugin comes in {requirement.name!r}{nearest_installed(requirement.name, distributions)}"
            )
            found.warn(("plugins", "allow", index), message, code="unknown-plugin")
    for distribution, specifiers in allowed.items():
        version = distributions[distribution]
        if not any(each.contains(version, prereleases=True) for each in specifiers):
            wanted = " or ".join(map(str, specifiers))
            message = f"version {version} of {distribution} is installed, {wanted} is allowed: install one that fits"
            found.error(("plugins", "allow"), message)
    for index, name in enumerate(found.config.plugins.disable):
        if name not in found.plugins and canonicalize_name(name) not in distributions:
            hint = nearest_installed(name, {*found.plugins, *distributions})
            found.warn(("plugins", "disable", index), f"no plugin {name!r} is installed{hint}", code="unknown-plugin")


def _first_word(type_name: str) -> str:
    return type_name.split(".", 1)[0]
