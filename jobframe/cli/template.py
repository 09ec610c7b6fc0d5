"""
The jobs.toml that ``jobframe init`` writes: every key there is, switched off, with its default and its sentence.

Keys, defaults and sentences come from the classes themselves (the sentences from the ``Attributes:`` of their
docstrings), so a new key is in the template by itself. ``# text`` is a comment, ``#key = value`` a key switched off.
"""

from __future__ import annotations

import json
import re
import textwrap
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jobframe.config.written import plain
from jobframe.core.form import sentences
from jobframe.core.jobtype import JobType
from jobframe.core.policy import KEYS, Policy

__all__ = ["template"]

_HEAD = """\
#:schema ./jobs.schema.json
# jobs.toml: how the job types of the installed plugins run.
# Every key stands here with its default; remove the # before a key to set it.
# What wins: built-in < author's decorator < [defaults] < [jobs.<type>] < environment; `jobframe config` shows it.
"""

_UNSET: dict[str, Any] = {
    "redis.url": "redis://localhost:6379/0",
    "plugins.allow": ["jobframe-ingest", "jobframe-reembed>=0.1"],
    "defaults.concurrency": 4,
    "defaults.per_worker": 2,
    "defaults.rate_limit": "100/m",
    "defaults.group": {"by": "tenant", "concurrency": 2},
    "defaults.max_waiting": 100_000,
    "defaults.expires": "1d",
    "defaults.unique": {"window": "until-done", "mode": "ignore"},
    "schedules.job": "maintenance.doctor",
    "schedules.every": "15m",
    "schedules.cron": "0 2 * * *",
    "schedules.tz": "Europe/Berlin",
}
"""An example for keys that have no default."""

_INSTEAD = {"schedules.cron", "schedules.tz"}
"""Keys that are set in place of the one above them."""

_RESOURCES = """\
# What several types share, and how many units of it there are: a type takes some with `uses`.
[resources]
#gpu = 2"""

_WIDTH = 116


def template(
    tables: Mapping[str, type], types: Mapping[str, JobType], schedule: type, settings: Mapping[str, type]
) -> str:
    """
    Write a jobs.toml.

    Args:
        tables: Table name → the attrs class of its keys, in the order to write them.
        types: Name → job type, of all installed plugins.
        schedule: The attrs class of a ``[schedules.<name>]``.
        settings: Plugin → the attrs class of its ``[settings.<plugin>]``.

    """
    parts = [_HEAD]
    for name, cls in tables.items():
        parts.append("\n".join([f"[{name}]", *_keys(name, cls)]))
    parts.append("\n".join(["# Every key of a type, for all types.", "[defaults]", *_policy_keys()]))
    parts += ["\n".join([f"[jobs.{_key(name)}]", *_author_keys(job_type)]) for name, job_type in types.items()]
    parts.append(_RESOURCES)
    parts.append(
        "\n".join(["# Jobs that are enqueued by themselves.", "#[schedules.NAME]", *_keys("schedules", schedule)])
    )
    for plugin, cls in settings.items():
        parts += ["\n".join(lines) for lines in _settings_tables(f"settings.{_key(plugin)}", cls)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _keys(table: str, cls: type) -> Iterator[str]:
    """Each plain key of *cls*, switched off."""
    said = sentences(cls)
    for field in attrs.fields(cls):
        if _sub_table(field) is None:
            key = field.name.removesuffix("_ms")
            yield from _comment(said.get(field.name, ""))
            line = _off(key, _written(field.name, _default(field), f"{table}.{key}"))
            yield line.replace("#", "# instead: ", 1) if f"{table}.{key}" in _INSTEAD else line


def _policy_keys() -> Iterator[str]:
    said = sentences(Policy)
    for key, (attribute, _) in KEYS.items():
        if attribute != "run_in":  # follows from the handler; of use for a single type only
            yield from _comment(said.get(attribute, ""))
            yield _off(key, _written(attribute, getattr(Policy(), attribute), f"defaults.{key}"))


def _author_keys(job_type: JobType) -> Iterator[str]:
    """List the keys for which the author of the type has a default of his own."""
    for key, (attribute, _) in KEYS.items():
        if attribute in job_type.policy:
            yield _off(key, _written(attribute, job_type.policy[attribute], ""))


def _settings_tables(table: str, cls: type) -> Iterator[list[str]]:
    """Write the table of *cls*, then those of its fields that are tables; a named one is switched off as a whole."""
    attrs.resolve_types(cls)
    yield [f"[{table}]", *_keys(table, cls)]
    for field in attrs.fields(cls):
        inner = _sub_table(field)
        if inner is not None:
            named = ".NAME" if typing.get_origin(field.type) else ""
            yield [f"#[{table}.{field.name}{named}]", *_keys(f"{table}.{field.name}", inner)]


def _sub_table(field: attrs.Attribute[Any]) -> type | None:
    """Find the attrs class that *field* holds, by itself or by name."""
    candidates = (field.type, *typing.get_args(field.type))
    return next((hint for hint in candidates if isinstance(hint, type) and attrs.has(hint)), None)


def _default(field: attrs.Attribute[Any]) -> Any:
    factory = getattr(field.default, "factory", None)
    if factory is not None:
        return factory()
    return None if field.default is attrs.NOTHING else field.default


def _written(name: str, value: Any, path: str) -> str:
    """Write the value of an attribute as TOML, or an example when it has none."""
    if value is None:
        return _toml(_UNSET[path]) if path in _UNSET else "# no default"
    return _toml(plain(name, value))


def _toml(value: Any) -> str:
    if isinstance(value, dict) and value:
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _off(key: str, value: str) -> str:
    return f"#{key} = {value}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _comment(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, _WIDTH, initial_indent="# ", subsequent_indent="# ")
