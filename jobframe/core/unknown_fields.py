"""Refuses unknown fields at every depth: the decoder itself ignores them in attrs classes and dataclasses."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jobframe.core.declaration import has_fields, types_of_fields
from jobframe.core.errors import PayloadError
from jobframe.core.policy import nearest

__all__ = ["Check", "UnknownFields"]

Check = Callable[[Any], None]
_LONGEST_NAME = 64


class UnknownFields:
    """Builds, for one job type, the checks of decoded JSON against the classes that it is meant for."""

    def __init__(self, type: str) -> None:
        """Name *type* in the errors."""
        self._type = type
        self._made: dict[Any, Check] = {}

    def nested(self, cls: type) -> Check | None:
        """Return the check of everything below the top level of *cls*; None when nothing there has fields."""
        checks = {name: check for name, hint in types_of_fields(cls).items() if (check := self._check(hint))}
        if not checks:
            return None

        def check_fields(value: Any) -> None:
            for name, check in checks.items():
                if name in value:
                    check(value[name])

        return check_fields

    def refuse(self, unknown: str, known: Iterable[str]) -> PayloadError:
        """Make the error for an *unknown* field; a name that may be data is not repeated."""
        names = dict.fromkeys(known)
        shown = repr(unknown) if unknown.isidentifier() and len(unknown) <= _LONGEST_NAME else "(no field name)"
        hint = nearest(unknown, names) if names else ": this type takes no fields"
        return PayloadError(self._type, f"unknown field {shown}{hint}")

    def _check(self, hint: Any) -> Check | None:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if has_fields(origin or hint):
            return self._check_of_class(origin or hint)
        checks = [self._check(argument) for argument in arguments]
        inner = [check for check in checks if check]
        if not inner:
            return None
        if origin in (typing.Union, types.UnionType, typing.Annotated):
            return lambda value: _each(inner, [value] * len(inner))
        if origin is tuple and arguments[-1] is not Ellipsis:
            return lambda value: _each(checks, value if isinstance(value, list) else ())
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return lambda value: _all(inner[-1], value.values() if isinstance(value, dict) else ())
        return lambda value: _all(inner[0], value if isinstance(value, list) else ())

    def _check_of_class(self, cls: type) -> Check:
        if cls in self._made:
            return self._made[cls]
        inner: dict[str, Check | None] = {}

        def check(value: Any) -> None:
            for name in value if isinstance(value, dict) else ():  # for anything else the decoder speaks, with the path
                if name not in inner:
                    raise self.refuse(name, inner)
                deeper = inner[name]
                if deeper is not None:
                    deeper(value[name])

        self._made[cls] = check  # before its fields: a class may hold itself
        inner.update({name: self._check(hint) for name, hint in types_of_fields(cls).items()})
        return check


def _all(check: Check, values: Iterable[Any]) -> None:
    for value in values:
        check(value)


def _each(checks: Iterable[Check | None], values: Iterable[Any]) -> None:
    for check, value in zip(checks, values, strict=False):  # of another length: the decoder speaks
        if check is not None:
            check(value)
