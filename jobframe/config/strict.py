"""
Strict reading of TOML tables into attrs classes, with every mistake and its path.

Nothing is coerced: ``"12"`` and ``true`` are no whole numbers. A field named ``grace_ms`` is written as a duration
under the name ``grace``. No message made here shows the value that is wrong, for it may be a secret.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs import cols
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from jobframe.config.lines import KeyPath
from jobframe.core.duration import parse_ms
from jobframe.core.policy import nearest

__all__ = ["Invalid", "is_duration", "key_of", "kind", "structure"]

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a table",
}


class Invalid(Exception):
    """
    A table does not fit its class; becomes part of a `ConfigError`.

    Attributes:
        mistakes: Path below the table and message of each.

    """

    def __init__(self, mistakes: list[tuple[KeyPath, str]]) -> None:
        """Keep *mistakes*."""
        super().__init__("; ".join(message for _, message in mistakes))
        self.mistakes = mistakes


def structure(table: object, cls: type[T]) -> T:
    """
    Read *table* as an instance of the attrs class *cls*.

    Raises:
        Invalid: It does not fit; holds every mistake.

    """
    try:
        return _CONVERTER.structure(table, cls)
    except Exception as error:  # noqa: BLE001 - a plugin's validators and converters may raise anything
        raise Invalid(list(_mistakes(error, (), cls))) from None


def kind(value: object) -> str:
    """Say in words what kind of TOML value *value* is, without showing it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    return _KINDS.get(type(value), "a date or time")


def _mistakes(error: BaseException, path: KeyPath, cls: Any) -> Iterator[tuple[KeyPath, str]]:
    """Walk down cattrs' tree of errors; each step is a note that names a field or an item."""
    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _mistakes(inner, (*path, *_step(inner, error.cl)), error.cl)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [key_of(field) for field in attrs.fields(error.cl) if field.init]
        for key in sorted(error.extra_fields):
            yield (*path, key), f"unknown key {key!r}{nearest(key, known)}"
    elif isinstance(error, KeyError) and path and error.args == (path[-1],):
        yield path, "is missing"
    else:
        yield path, str(error.args[0]) if error.args else f"refused by {cls.__name__} ({type(error).__name__})"


def _step(error: BaseException, cls: Any) -> KeyPath:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, IterableValidationNote):
            return (note.index,)
        if isinstance(note, AttributeValidationNote):
            return (key_of(getattr(attrs.fields(cls), note.name)),)
    return ()


def is_duration(field: attrs.Attribute[Any]) -> bool:
    """Tell whether *field* is written as a duration."""
    return field.name.endswith("_ms") and field.type in (int, int | None)


def key_of(field: attrs.Attribute[Any]) -> str:
    """Return the key under which *field* is written."""
    return field.name.removesuffix("_ms") if is_duration(field) else field.name


def _read_class(cls: Any, converter: cattrs.Converter) -> _Hook:
    attrs.resolve_types(cls)
    fields = {
        field.name: override(rename=key_of(field), struct_hook=_read_field(field, converter))
        for field in attrs.fields(cls)
    }
    read: _Hook = make_dict_structure_fn(cls, converter, **fields)  # type: ignore[arg-type] # no field is named _cattrs_*
    return _only(dict, read)


def _read_field(field: attrs.Attribute[Any], converter: cattrs.Converter) -> _Hook:
    def read(value: Any, type_: Any) -> Any:
        if isinstance(field.converter, attrs.Converter):  # may want the instance, which is not there yet
            return value
        if field.converter is not None:
            _validate(field, field.converter(value))
            return value  # the class converts it again when it is made
        return _validate(field, parse_ms(value) if is_duration(field) else converter.structure(value, type_))

    return read


def _validate(field: attrs.Attribute[Any], value: Any) -> Any:
    """
    Run the validator of *field* now, so that its error carries the path and does not hide those of other fields.

    One that compares several fields fails here for want of an instance, and runs when the class is made.
    """
    if field.validator is not None:
        with suppress(AttributeError):
            field.validator(None, field, value)
    return value


def _only(cls: type, read: _Hook) -> _Hook:
    def checked(value: Any, type_: Any) -> Any:
        if not isinstance(value, cls):
            raise _unlike(_KINDS[cls], value)
        return read(value, type_)

    return checked


def _read_scalar(cls: type) -> _Hook:
    def read(value: Any, type_: Any) -> Any:
        if type(value) is not cls:
            raise _unlike(_KINDS[cls], value)
        return value if type_ is cls else type_(value)  # an enum of whole numbers or texts

    return read


def _read_float(value: Any, _type: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _unlike("a number", value)
    return float(value)


def _read_literal(type_: Any, _converter: cattrs.Converter) -> _Hook:
    words = get_args(type_)

    def read(value: Any, _type: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            msg = f"expected one of {', '.join(words)}"
            raise ValueError(msg)
        return value

    return read


def _unlike(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, got {kind(value)}")


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for scalar in (bool, int, str):
        converter.register_structure_hook(scalar, _read_scalar(scalar))
    converter.register_structure_hook(float, _read_float)
    factories: list[tuple[Callable[[Any], bool], Callable[[Any, cattrs.Converter], _Hook]]] = [
        (lambda type_: get_origin(type_) is Literal, _read_literal),
        (_is_choice_of_scalars, _read_choice_of_scalars),
        (attrs.has, _read_class),
        (lambda type_: get_origin(type_) is list, lambda t, c: _only(list, cols.list_structure_factory(t, c))),
        (_is_open_tuple, lambda t, c: _only(list, cols.homogenous_tuple_structure_factory(t, c))),
        (cols.is_mapping, lambda t, c: _only(dict, cols.mapping_structure_factory(t, c))),
    ]
    for fits, factory in factories:
        converter.register_structure_hook_factory(fits, factory)
    return converter


def _is_choice_of_scalars(type_: Any) -> bool:
    arms = set(get_args(type_)) - {types.NoneType}
    return get_origin(type_) in (types.UnionType, Union) and len(arms) > 1 and arms <= {bool, int, float, str}


def _read_choice_of_scalars(type_: Any, _converter: cattrs.Converter) -> _Hook:
    arms = [arm for arm in get_args(type_) if arm is not types.NoneType]

    def read(value: Any, _type: Any) -> Any:
        if type(value) not in arms:
            raise _unlike(" or ".join(_KINDS[arm] for arm in arms), value)
        return value

    return read


def _is_open_tuple(type_: Any) -> bool:
    return get_origin(type_) is tuple and get_args(type_)[-1:] == (...,)


_CONVERTER = _make_converter()
