"""What differs between two policies of a type or two configurations, and what a change would mean."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from jobframe.config.essentials import TABLES
from jobframe.config.schema import Config
from jobframe.config.strict import key_of
from jobframe.config.written import written
from jobframe.core.policy import KEYS, Policy

__all__ = ["Change", "Load", "changes", "for_next_start"]

_AT_ONCE = {"defaults", "jobs", "resources", "schedules", "runtime.max_jobs", "runtime.policy"}
"""What a running worker takes over when it reads jobs.toml again."""


@attrs.frozen
class Load:
    """
    What is there of a type.

    Attributes:
        waiting: Jobs that wait, due or not.
        active: Jobs that run.

    """

    waiting: int
    active: int


@attrs.frozen
class Change:
    """
    One key that would change.

    Attributes:
        type: Job type.
        key: The key, as in jobs.toml.
        before: Its value in force.
        after: Its value in the file.
        consequence: What that means for the jobs there are; empty when it only holds for later ones.

    """

    type: str
    key: str
    before: str
    after: str
    consequence: str


def changes(type: str, before: Policy, after: Policy, load: Load) -> Iterator[Change]:
    """Compare two policies of *type*, key by key, in the light of its *load*."""
    for key, (attribute, _) in KEYS.items():
        old, new = getattr(before, attribute), getattr(after, attribute)
        if old != new:
            texts = written(attribute, old), written(attribute, new)
            if texts[0] != texts[1]:
                yield Change(type, key, *texts, _consequence(key, old, new, load))
    yield from _capacities(type, before, after, load)


def _capacities(type: str, before: Policy, after: Policy, load: Load) -> Iterator[Change]:
    """Tell of resources that the type goes on using and of which there will be more or fewer."""
    known = {use.resource: use.capacity for use in before.uses}
    for use in after.uses:
        old = known.get(use.resource, use.capacity)
        if old != use.capacity:
            consequence = f"{load.waiting} waiting" if load.waiting else ""
            yield Change(type, f"resources.{use.resource}", str(old), str(use.capacity), consequence)


def _consequence(key: str, old: object, new: object, load: Load) -> str:
    match key, old, new:
        case "concurrency", _, int() if load.active > new:
            return f"{load.waiting} waiting, {load.active - new} over the new limit now: they run on"
        case "concurrency" | "per_worker" | "rate_limit" | "uses" | "group" | "expires", _, _ if load.waiting:
            return f"{load.waiting} waiting"
        case "max_waiting", _, int() if load.waiting > new:
            return f"{load.waiting} waiting: enqueue is refused until they are fewer"
        case "run_in", _, _ if load.active:
            return f"{load.active} run on where they are"
        case "keep_failed" | "keep_result" | "keep_completed", int(), int() if new < old:
            return "older ones are dropped"
    return ""


def for_next_start(before: Config, after: Config) -> list[str]:
    """Name the keys that differ and that a running worker cannot take over."""
    names = (name for table in TABLES if table not in _AT_ONCE for name in _differing(table, before, after))
    return [name for name in names if name not in _AT_ONCE]


def _differing(table: str, before: Config, after: Config) -> Iterator[str]:
    old, new = getattr(before, table), getattr(after, table)
    if attrs.has(type(old)):
        fields = attrs.fields(type(old))
        yield from (f"{table}.{key_of(each)}" for each in fields if getattr(old, each.name) != getattr(new, each.name))
    else:
        yield from (f"{table}.{key}" for key in {**old, **new} if old.get(key) != new.get(key))
