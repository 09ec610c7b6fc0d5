"""
The precedence, written once: built-in < author's decorator < ``[defaults]`` < ``[jobs.<type>]`` < environment.

Every layer that sets a key is kept with its origin, so that people can be shown why a type has the policy it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jobframe.config.environment import MAX_RETRIES, STRATEGY
from jobframe.config.lines import KeyPath, dotted
from jobframe.config.schema import Config
from jobframe.config.variables import Given, word
from jobframe.config.written import written
from jobframe.core.jobtype import JobType
from jobframe.core.policy import KEYS, Policy

__all__ = ["AUTHOR", "BUILT_IN", "Resolved", "Source", "chosen", "resolve"]

BUILT_IN = "built-in"
AUTHOR = "author"


@attrs.frozen
class Source:
    """
    What one layer says about one key.

    Attributes:
        key: The key, as in jobs.toml.
        value: Its value, as in jobs.toml.
        origin: The layer, with file and line where there is one.

    """

    key: str
    value: str
    origin: str


@attrs.frozen
class Resolved:
    """
    The policy of one type and where each part of it comes from.

    Attributes:
        policy: What holds.
        sources: Key → every layer that sets it, the weakest first; the last one holds.

    """

    policy: Policy
    sources: Mapping[str, tuple[Source, ...]]


def resolve(config: Config, job_types: Mapping[str, JobType]) -> dict[str, Resolved]:
    """Return the policy of every one of *job_types* under *config*."""
    return {name: _resolve_one(config, job_type) for name, job_type in job_types.items()}


@attrs.frozen
class _Layer:
    """One layer: its values by `Policy` attribute, and the origin to show for a key."""

    origin: Callable[[str], str]
    values: Mapping[str, Any]


def _resolve_one(config: Config, job_type: JobType) -> Resolved:
    layers = [*_declared(job_type), *_file(config, job_type)]
    layers.append(_environment(config, below=_merge(layers)))
    layers += [
        _given(_fitting(config.environment.defaults, job_type)),
        _given(config.environment.jobs.get(word(job_type.name), {})),
    ]
    return Resolved(
        _with_capacities(Policy(**_merge(layers)), config.resources),
        {
            key: tuple(
                Source(key, written(attribute, layer.values[attribute]), layer.origin(key))
                for layer in layers
                if attribute in layer.values
            )
            for key, (attribute, _) in KEYS.items()
        },
    )


def _with_capacities(policy: Policy, resources: Mapping[str, int]) -> Policy:
    uses = tuple(attrs.evolve(use, capacity=resources.get(use.resource, 0)) for use in policy.uses)
    return attrs.evolve(policy, uses=uses)


def _merge(layers: list[_Layer]) -> dict[str, Any]:
    return {attribute: value for layer in layers for attribute, value in layer.values.items()}


def _declared(job_type: JobType) -> list[_Layer]:
    """Tell the author's choices from what holds for every type."""
    built_in = {**attrs.asdict(Policy(), recurse=False), "run_in": _by_kind(job_type)}
    return [_Layer(lambda _: BUILT_IN, built_in), _Layer(lambda _: AUTHOR, chosen(job_type))]


def chosen(job_type: JobType) -> dict[str, Any]:
    """
    Return what the author of a type chose: `Policy` attribute → value.

    Where a handler runs by itself follows from its kind, so it is no choice unless it differs.
    """
    follows = {"run_in": _by_kind(job_type)}
    return {name: value for name, value in job_type.policy.items() if follows.get(name) != value}


def _by_kind(job_type: JobType) -> str:
    return "loop" if job_type.is_async else "thread"


def _fitting(defaults: Mapping[str, Any], job_type: JobType) -> dict[str, Any]:
    """Leave out what cannot be meant for a type that lacks the field: a group of [defaults]."""
    group = defaults.get("group")
    group = group.value if isinstance(group, Given) else group
    lacks = group is not None and group.by not in job_type.shape.fields
    return {attribute: value for attribute, value in defaults.items() if not (lacks and attribute == "group")}


def _file(config: Config, job_type: JobType) -> list[_Layer]:
    def layer(path: KeyPath, values: Mapping[str, Any]) -> _Layer:
        return _Layer(lambda key: f"[{dotted(path)}] {config.lines.where((*path, key))}".rstrip(), values)

    name = job_type.name
    return [layer(("defaults",), _fitting(config.defaults, job_type)), layer(("jobs", name), config.jobs.get(name, {}))]


def _environment(config: Config, below: Mapping[str, Any]) -> _Layer:
    """Take the strategy from the environment and leave the other parts of the backoff as *below* has them."""
    values: dict[str, Any] = {}
    if config.environment.strategy is not None:
        values["backoff"] = attrs.evolve(below["backoff"], strategy=config.environment.strategy)
    if config.environment.max_retries is not None:
        values["max_retries"] = config.environment.max_retries
    variables = {"backoff": STRATEGY, "max_retries": MAX_RETRIES}
    return _Layer(lambda key: f"env {variables[key]}", values)


def _given(values: Mapping[str, Given]) -> _Layer:
    variables = {key: values[attribute].variable for key, (attribute, _) in KEYS.items() if attribute in values}
    return _Layer(lambda key: f"env {variables[key]}", {attribute: given.value for attribute, given in values.items()})
