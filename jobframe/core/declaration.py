"""What the class of a payload may declare, and every class within it."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import attrs
import msgspec

from jobframe.core.errors import PayloadError

__all__ = ["RESTRICTED", "declared_fields", "has_fields", "types_of_fields"]

RESTRICTED = "jobframe.restricted"
"""Marks a restricted field in its metadata."""


def declared_fields(type_name: str, cls: type) -> tuple[attrs.Attribute[Any], ...]:
    """
    Return the fields of *cls* when JSON can carry them, and nothing in them is skipped or sent in clear unseen.

    Raises:
        PayloadError: It is no attrs class, or it or a class within it declares what cannot be.

    """
    if not attrs.has(cls):
        raise PayloadError(type_name, f"{cls.__name__} is not an attrs class: decorate it with @attrs.frozen")
    try:
        attrs.resolve_types(cls)
    except NameError as error:
        problem = f"{cls.__name__} has an annotation that its module does not know: {error.name}"
        raise PayloadError(type_name, problem) from None
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    for field in fields:
        _refuse_skipped(type_name, field.name, field)
        _refuse_no_json(type_name, field)
    within: dict[type, None] = {}
    for field in fields:
        _gather(field.type, within)
    for inner in filter(attrs.has, within):
        for field in attrs.fields(inner):
            name = f"{inner.__name__}.{field.name}"
            _refuse_skipped(type_name, name, field)
            if field.metadata.get(RESTRICTED):
                raise PayloadError(type_name, f"field {name} is restricted: only the payload's own fields can be")
    return fields


def has_fields(hint: Any) -> bool:
    """Whether *hint* is a class whose fields the decoder fills: of attrs or a dataclass."""
    return isinstance(hint, type) and (attrs.has(hint) or dataclasses.is_dataclass(hint))


def types_of_fields(cls: type) -> dict[str, Any]:
    """Return the annotations of the fields of *cls*, read in its own module."""
    if attrs.has(cls):
        attrs.resolve_types(cls)
        return {field.name: field.type for field in attrs.fields(cls)}
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _refuse_skipped(type_name: str, name: str, field: attrs.Attribute[Any]) -> None:
    if field.name.startswith("_"):
        raise PayloadError(type_name, f"field {name} is private: the decoder would skip it")
    if field.converter is not None:
        raise PayloadError(type_name, f"field {name} has a converter: the decoder would skip it")


def _refuse_no_json(type_name: str, field: attrs.Attribute[Any]) -> None:
    if field.type is None:
        raise PayloadError(type_name, f"field {field.name} has no annotation")
    try:
        msgspec.json.schema(field.type)
    except (TypeError, NameError):
        raise PayloadError(type_name, f"field {field.name} has a type that JSON cannot carry") from None


def _gather(hint: Any, within: dict[type, None]) -> None:
    """Add to *within* every class with fields that a value of *hint* may hold."""
    for argument in typing.get_args(hint):
        _gather(argument, within)
    cls = typing.get_origin(hint) or hint
    if has_fields(cls) and cls not in within:
        within[cls] = None  # before its fields: a class may hold itself
        for inner in types_of_fields(cls).values():
            _gather(inner, within)
