"""
The JSON Schema of jobs.toml, for editors, made from the classes and parsers that read it: it cannot fall behind them.

Draft 7, which is what TOML's editors read. A job type and a plugin that are not installed here are let through: a file
may be written on one machine and run on another. `jobframe check` says more.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from jobframe.config.essentials import TABLES
from jobframe.config.resolve import chosen
from jobframe.config.resources import read_resources
from jobframe.config.schedules import NAME, ScheduleConfig
from jobframe.config.schema import Config
from jobframe.config.strict import is_duration, key_of
from jobframe.config.written import plain, written
from jobframe.core.duration import parse_ms
from jobframe.core.form import described, form_of, sentences, table
from jobframe.core.jobtype import JobType
from jobframe.core.policy import KEYS, Policy

__all__ = ["json_schema"]

_SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def json_schema(job_types: Mapping[str, JobType], settings: Mapping[str, type]) -> dict[str, Any]:
    """
    Describe jobs.toml.

    Args:
        job_types: Name → job type, of all installed plugins.
        settings: Plugin → the attrs class of its ``[settings.<plugin>]``.

    """
    special = {
        "defaults": _policy_of("Every key of a type, for all types."),
        "jobs": _map({name: _job(job_type) for name, job_type in job_types.items()}, _policy_of("A job type.")),
        "resources": form_of(read_resources),
        "schedules": _schedules(job_types),
        "settings": _map({name: _class(cls) for name, cls in settings.items()}, {"type": "object"}),
    }
    tables = {name: special[name] if name in special else _class(type(getattr(Config(), name))) for name in TABLES}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "jobs.toml",
        "description": "How job types run. Written by `jobframe schema` for the plugins that are installed.",
        "type": "object",
        "properties": tables,
        "additionalProperties": False,
        "definitions": {"policy": _policy()},
    }


def _policy() -> dict[str, Any]:
    form = table(KEYS, Policy)
    for key, (attribute, _) in KEYS.items():
        default = getattr(Policy(), attribute)
        if default is not None and attribute != "run_in":  # follows from the handler
            form["properties"][key]["default"] = plain(attribute, default)
    return form


def _policy_of(what: str) -> dict[str, Any]:
    """Refer to the keys of a type; in draft 7 nothing may stand beside a reference, so it stands alone in a list."""
    return {"allOf": [{"$ref": "#/definitions/policy"}], "description": what}


def _job(job_type: JobType) -> dict[str, Any]:
    choices = chosen(job_type)
    texts = [f"{key} = {written(name, choices[name])}" for key, (name, _) in KEYS.items() if name in choices]
    return _policy_of(
        f"Its author's defaults: {', '.join(texts)}." if texts else "Its author has no defaults of his own."
    )


def _schedules(job_types: Iterable[str]) -> dict[str, Any]:
    schedule = _class(ScheduleConfig)
    schedule["properties"]["job"]["anyOf"] = [{"enum": list(job_types)}, {"type": "string"}]
    return {**_map({}, schedule), "propertyNames": {"pattern": f"^{NAME.pattern}$"}}


def _map(known: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(known), "additionalProperties": dict(others)}


def _class(cls: type) -> dict[str, Any]:
    """Describe the table that is read as *cls*."""
    attrs.resolve_types(cls)
    fields, said = [field for field in attrs.fields(cls) if field.init], sentences(cls)
    form: dict[str, Any] = {
        "type": "object",
        "properties": {key_of(field): described(_field(field), said.get(field.name, "")) for field in fields},
        "additionalProperties": False,
    }
    required = [key_of(field) for field in fields if field.default is attrs.NOTHING]
    return {**form, "required": required} if required else form


def _field(field: attrs.Attribute[Any]) -> dict[str, Any]:
    form = {} if field.converter else form_of(parse_ms) if is_duration(field) else _type(field.type)
    form |= form_of(field.validator)
    if field.default is None or field.default is attrs.NOTHING or hasattr(field.default, "factory"):
        return form
    return {**form, "default": plain(field.name, field.default)}


def _type(type_: Any) -> dict[str, Any]:
    """Describe what is read as *type_*; whatever is not known is let through."""
    if get_origin(type_) in _GENERIC:
        return _GENERIC[get_origin(type_)](get_args(type_))
    if attrs.has(type_):
        return _class(type_)
    if isinstance(type_, enum.EnumMeta):
        members: Iterable[Any] = type_.__members__.values()
        return {"enum": [member.value for member in members]}
    return {"type": _SCALARS[type_]} if type_ in _SCALARS else {}


def _any_of(arms: tuple[Any, ...]) -> dict[str, Any]:
    forms = [_type(arm) for arm in arms if arm is not types.NoneType]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _array(arms: tuple[Any, ...]) -> dict[str, Any]:
    return {"type": "array", "items": _type(arms[0])}


def _open(arms: tuple[Any, ...]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _type(arms[1])}


_GENERIC: dict[Any, Callable[[tuple[Any, ...]], dict[str, Any]]] = {
    Union: _any_of,
    types.UnionType: _any_of,
    Literal: lambda words: {"enum": list(words)},
    list: _array,
    tuple: _array,
    dict: _open,
    Mapping: _open,
}
