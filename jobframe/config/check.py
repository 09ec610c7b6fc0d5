"""What can be wrong with a configuration only in the light of the installed plugins and their job types."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Protocol

import attrs
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from jobframe.config.lines import KeyPath, dotted, in_file_order
from jobframe.config.resolve import AUTHOR, BUILT_IN, Resolved, resolve
from jobframe.config.room import misfits
from jobframe.config.schedules import mistakes
from jobframe.config.schema import Config
from jobframe.config.variables import word
from jobframe.core.errors import JobframeError, PluginError, Problem, UnknownJobType
from jobframe.core.jobtype import JobType
from jobframe.core.named_fields import refused_field, refused_unique
from jobframe.core.policy import KEYS, nearest

__all__ = ["Plugin", "Report", "check", "missing"]


class Plugin(Protocol):
    """What is known of a plugin, loaded or not."""

    @property
    def name(self) -> str:
        """Name of its entry point: the key of its settings, and by habit the first word of its types."""

    @property
    def distribution(self) -> str:
        """Name of the distribution it comes in."""

    @property
    def version(self) -> str:
        """Version of that distribution."""

    @property
    def state(self) -> str:
        """``loaded``, ``disabled``, ``incompatible`` or ``failed``."""

    @property
    def error(self) -> str:
        """Why it is not loaded."""


@attrs.frozen
class Report:
    """
    Everything found.

    Attributes:
        errors: Nothing may start with these.
        broken: One for each plugin that the file needs and that could not be loaded: no worker may start.
        warnings: Worth knowing; nothing is stopped.

    """

    errors: tuple[Problem, ...] = ()
    broken: tuple[PluginError, ...] = ()
    warnings: tuple[Problem, ...] = ()


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
    found = _Findings(config, _by_name(plugins))
    _check_types(found, job_types)
    _check_schedules(found, job_types)
    _check_variables(found, job_types)
    _check_settings(found, with_settings)
    _check_plugin_names(found, {plugin.distribution: plugin.version for plugin in plugins})
    _check_run_in(found, job_types)
    _check_concurrency(found, job_types)
    _check_room(found, job_types)
    _check_encrypt(found, job_types)
    _check_unique(found, job_types)
    _check_keys(found, job_types)
    _check_uses(found, job_types)
    _check_groups(found, job_types)
    found.warn_of_the_rest()
    return found.report()


def missing(type: str, job_types: Mapping[str, JobType], plugins: Collection[Plugin]) -> JobframeError:
    """Say why *type*, asked for by name, is none of *job_types*: its plugin is not loaded, or the name is wrong."""
    plugin = _by_name(plugins).get(_first_word(type))
    if plugin is not None and plugin.state != "loaded":
        return PluginError(plugin.name, f"{plugin.state}: {plugin.error}; so job type {type!r} is not available")
    close = difflib.get_close_matches(type, job_types, n=1)
    return UnknownJobType(type, close[0] if close else None)


class _Findings:
    """Collects what is found, and what the file needs of plugins that are not loaded."""

    def __init__(self, config: Config, plugins: Mapping[str, Plugin]) -> None:
        self.config = config
        self.plugins = plugins
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self._broken: dict[str, PluginError] = {}

    def error(self, path: KeyPath, message: str, code: str = "") -> None:
        self.errors.append(self.config.lines.problem(path, message, code))

    def warn(self, path: KeyPath, message: str, code: str = "") -> None:
        self.warnings.append(self.config.lines.problem(path, message, code))

    def needs(self, plugin: Plugin, path: KeyPath) -> None:
        """Note that the table at *path* belongs to *plugin*, which is not loaded by choice or because it is broken."""
        if plugin.state == "disabled":
            self.warn(
                path, f"has no effect: plugin {plugin.name} is not loaded ({plugin.error})", code="plugin-not-loaded"
            )
        elif plugin.name not in self._broken:
            place = f"{dotted(path)} ({self.config.lines.where(path)})"
            self._broken[plugin.name] = PluginError(plugin.name, f"{plugin.state}: {plugin.error}; needed for {place}")

    def broken(self) -> list[Plugin]:
        return [plugin for plugin in self.plugins.values() if plugin.state in ("failed", "incompatible")]

    def warn_of_the_rest(self) -> None:
        for plugin in self.broken():
            if plugin.name not in self._broken:
                message = f"plugin {plugin.name} of {plugin.distribution} is {plugin.state}: {plugin.error}"
                self.warnings.append(Problem("", message, code="plugin-not-loaded"))

    def report(self) -> Report:
        return Report(in_file_order(self.errors), tuple(self._broken.values()), in_file_order(self.warnings))


def _check_types(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    for name in (name for name in found.config.jobs if name not in job_types):
        _tell_missing(found, name, ("jobs", name), job_types)


def _tell_missing(found: _Findings, name: str, path: KeyPath, job_types: Mapping[str, JobType]) -> None:
    """Say why job type *name*, which the file names at *path*, is not there."""
    plugin = found.plugins.get(_first_word(name))
    if plugin is not None and plugin.state != "loaded":
        found.needs(plugin, path)
        return
    suspects = [plugin.name for plugin in found.broken()]
    hint = f" (plugins that could not be loaded: {', '.join(suspects)})" if suspects else ""
    found.error(path, f"unknown job type {name!r}{_nearest(name, job_types)}{hint}")


def _check_schedules(found: _Findings, job_types: Mapping[str, JobType]) -> None:
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


def _check_variables(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse variables that name no job type, or more than one: dots, dashes and underscores look alike there."""
    for name, values in found.config.environment.jobs.items():
        meant = [job_type for job_type in job_types if word(job_type) == name]
        if len(meant) == 1:
            continue
        if meant:
            message = f"means both {' and '.join(meant)}: set it in [jobs.<type>] of jobs.toml"
        else:
            message = f"unknown job type {name}{_nearest(name, [word(job_type) for job_type in job_types])}"
        found.errors += [Problem("", message, given.variable) for given in values.values()]


def _check_settings(found: _Findings, with_settings: Collection[str]) -> None:
    for name in (name for name in found.config.settings if name not in with_settings):
        path = ("settings", name)
        plugin = found.plugins.get(name)
        if plugin is None:
            found.error(path, f"unknown plugin {name!r}{_nearest(name, found.plugins)}")
        elif plugin.state == "loaded":
            found.error(path, f"plugin {name} takes no settings: remove the table")
        else:
            found.needs(plugin, path)


def _by_name(plugins: Collection[Plugin]) -> dict[str, Plugin]:
    """Index *plugins*; the name of a loaded one is its own, whatever else goes by it."""
    return {plugin.name: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.state == "loaded")}


def _check_plugin_names(found: _Findings, distributions: Mapping[str, str]) -> None:
    """Look for what ``[plugins]`` names in *distributions*: name → version."""
    allowed: dict[NormalizedName, list[SpecifierSet]] = {}
    for index, entry in enumerate(found.config.plugins.allow or ()):
        requirement = Requirement(entry)
        distribution = canonicalize_name(requirement.name)
        if distribution in distributions:
            allowed.setdefault(distribution, []).append(requirement.specifier)
        else:
            message = f"no installed plugin comes in {requirement.name!r}{_nearest(requirement.name, distributions)}"
            found.warn(("plugins", "allow", index), message, code="unknown-plugin")
    for distribution, specifiers in allowed.items():
        version = distributions[distribution]
        if not any(each.contains(version, prereleases=True) for each in specifiers):
            wanted = " or ".join(map(str, specifiers))
            message = f"version {version} of {distribution} is installed, {wanted} is allowed: install one that fits"
            found.error(("plugins", "allow"), message)
    for index, name in enumerate(found.config.plugins.disable):
        if name not in found.plugins and canonicalize_name(name) not in distributions:
            hint = _nearest(name, {*found.plugins, *distributions})
            found.warn(("plugins", "disable", index), f"no plugin {name!r} is installed{hint}", code="unknown-plugin")


def _check_run_in(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse async handlers in a thread and plain ones in the loop; a default that does not fit is told once."""
    unfit: dict[KeyPath, list[str]] = {}
    for name, resolved in resolve(found.config, job_types).items():
        if resolved.policy.run_in == _unfit_place(job_types[name]):
            unfit.setdefault(_set_at(found.config, name, "run_in"), []).append(name)
    for path, names in unfit.items():
        kinds = "an async def" if job_types[names[0]].is_async else "a plain def"
        place = _unfit_place(job_types[names[0]])
        right = "loop" if place == "thread" else "thread"
        message = f'{kinds} handler cannot run in "{place}", only in "{right}" or "process": {", ".join(names)}'
        found.error(path, message, code="unfit-run-in")


def _unfit_place(job_type: JobType) -> str:
    return "thread" if job_type.is_async else "loop"


def _check_concurrency(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    for name, resolved in resolve(found.config, job_types).items():
        if resolved.policy.run_in != "thread" or not resolved.policy.exclusive:
            continue
        policy = resolved.policy
        key = "concurrency" if policy.concurrency is not None else "group" if policy.group is not None else "uses"
        message = (
            f"{name} is a plain def in a thread, which cannot be stopped: when this worker loses its lease, "
            f'another may start one job more than {key} says; run_in = "process" makes it exact'
        )
        found.warnings.append(_problem(found.config, name, resolved, key, message, "inexact-limit"))


def _check_unique(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    """Refuse fields that a payload does not have or that are secret; warn where a handle may outlive its job."""
    for name, resolved in resolve(found.config, job_types).items():
        policy, shape = resolved.policy, job_types[name].shape
        if policy.unique is None:
            continue
        if refused := refused_unique(name, policy.unique, shape.fields, shape.sealed(policy.encrypt)):
            part, problem = refused
            _refuse(found, name, "unique", part, f"{name}: {problem}")
        if (policy.unique.window_ms or 0) > policy.keep_result_ms:
            message = (
                f"{name}: the window outlasts keep_result: an enqueue may find a job whose record is no longer kept"
            )
            found.warnings.append(_problem(found.config, name, resolved, "unique", message, "window-over-keep"))


def _check_uses(found: _Findings, job_types: Mapping[str, JobType]) -> None:
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
            told.setdefault(_problem(found.config, name, resolved, "uses", message), []).append(name)
    for problem, names in told.items():
        found.errors.append(attrs.evolve(problem, message=f"{problem.message} (used by {', '.join(names)})"))


def _check_groups(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    for name, resolved in resolve(found.config, job_types).items():
        policy, shape = resolved.policy, job_types[name].shape
        by = (policy.group.by,) if policy.group else ()
        if problem := refused_field(name, by, shape.fields, shape.sealed(policy.encrypt)):
            found.errors.append(_problem(found.config, name, resolved, "group", f"{name}: group by: {problem}"))


def _problem(config: Config, name: str, resolved: Resolved, key: str, message: str, code: str = "") -> Problem:
    """Say *message* about what the strongest layer says of *key* for type *name*."""
    origin = resolved.sources[key][-1].origin
    found = config.lines.problem(_set_at(config, name, key), message)
    if origin in (AUTHOR, BUILT_IN):
        found = Problem(dotted(("jobs", name, key)), message)
    elif origin.startswith("env "):
        found = Problem("", message, origin.removeprefix("env "))
    return attrs.evolve(found, code=code) if code else found


def _refuse(found: _Findings, name: str, key: str, part: str, message: str) -> None:
    """Refuse a part of *key* of type *name*, at the place or in the variable that sets it."""
    environment, attribute = found.config.environment, KEYS[key][0]
    given = environment.jobs.get(word(name), {}).get(attribute) or environment.defaults.get(attribute)
    if given is not None:
        found.errors.append(Problem("", message, given.variable))
    else:
        found.error((*_set_at(found.config, name, key), part), message)


def _check_room(found: _Findings, job_types: Mapping[str, JobType]) -> None:
    for name, resolved in resolve(found.config, job_types).items():
        for misfit in misfits(found.config, job_types[name], resolved):
            text = f"{name}: {misfit.message}"
            found.warnings.append(_problem(found.config, name, resolved, misfit.key, text, misfit.code))


def _check_encrypt(found: _Findings, job_types: Mapping[str, JobType]) -> None:
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


def _check_keys(found: _Findings, job_types: Mapping[str, JobType]) -> None:
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


def _set_at(config: Config, name: str, key: str) -> KeyPath:
    """Return the path of the strongest table that sets *key* for type *name*."""
    return ("jobs", name, key) if KEYS[key][0] in config.jobs.get(name, {}) else ("defaults", key)


def _first_word(type_name: str) -> str:
    return type_name.split(".", 1)[0]


def _nearest(name: str, known: Collection[str]) -> str:
    return nearest(name, list(known)) if known else ": none are installed"
