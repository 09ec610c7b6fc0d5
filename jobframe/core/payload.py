"""The strict shape of a payload: what a class may declare, and JSON to object and back without coercion."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import attrs
import msgspec

from jobframe.core.errors import PayloadError
from jobframe.core.unknown_fields import Check, UnknownFields

__all__ = ["MAX_BYTES", "MAX_DEPTH_TEXT", "Shape", "restricted"]

MAX_BYTES = 256 * 1024
"""A payload and a result may be this many bytes of JSON."""

MAX_DEPTH_TEXT = "nested too deeply"
_RESTRICTED = "jobframe.restricted"
_PATH = re.compile(r" - at (`[^`]*`)$")
_QUOTED_VALUE = re.compile(r"\s*('[^']*'|\"[^\"]*\")")


def restricted(**attrs_field: Any) -> Any:
    """
    Declare a restricted attrs field: its value never leaves the process in clear.

    Args:
        **attrs_field: Whatever `attrs.field` takes.

    """
    metadata = {**attrs_field.pop("metadata", {}), _RESTRICTED: True}
    return attrs.field(metadata=metadata, repr=False, **attrs_field)


class Shape:
    """
    The payload of one job type: an attrs class, or nothing.

    Attributes:
        type: Job type, for error texts.
        cls: The attrs class; None for a type without fields.
        fields: Names of its fields, in order.
        restricted: Names of those that must be sealed.

    """

    def __init__(self, type: str, cls: type | None) -> None:
        """
        Check that JSON can carry every field of *cls* and remember its names.

        Raises:
            PayloadError: *cls* is no attrs class, or has converters, private attributes or types JSON cannot carry.

        """
        self.type = type
        self.cls = cls
        self._unknown = UnknownFields(type)
        declared = _declared(type, cls) if cls is not None else ()
        self.fields = tuple(field.name for field in declared)
        self.restricted = tuple(field.name for field in declared if field.metadata.get(_RESTRICTED))

    def encode(self, payload: object) -> bytes:
        """
        Turn *payload* (the attrs object, a dict, or None for no fields) into checked JSON.

        Raises:
            PayloadError: It does not fit the class, or is over 256 KiB.

        """
        try:
            body = msgspec.json.encode({} if payload is None else payload)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise PayloadError(self.type, without_values(str(error))) from None
        except RecursionError:
            raise PayloadError(self.type, MAX_DEPTH_TEXT) from None
        check_size(self.type, body)
        self.decode(body)
        return body

    def decode(self, body: bytes | msgspec.Raw) -> Any:
        """
        Turn JSON into the attrs object, strictly: no coercion, no unknown field. Without a class: None.

        Raises:
            PayloadError: It does not fit.

        """
        try:
            self._refuse_unknown(body)
            return None if self.cls is None else self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise PayloadError(self.type, _explained(error)) from None
        except RecursionError:
            raise PayloadError(self.type, MAX_DEPTH_TEXT) from None

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self.cls)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.fields)

    @cached_property
    def _nested(self) -> Check | None:
        return self._unknown.nested(self.cls) if self.cls is not None else None

    def _refuse_unknown(self, body: bytes | msgspec.Raw) -> None:
        names = _TOP_LEVEL.decode(body)
        if not self._known.issuperset(names):
            unknown = next(name for name in names if name not in self._known)
            raise self._unknown.refuse(unknown, self.fields)
        if self._nested is not None:
            self._nested(msgspec.json.decode(body))


_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])


def check_size(type_name: str, body: bytes, what: str = "") -> None:
    """
    Refuse JSON over 256 KiB.

    Raises:
        PayloadError: It is.

    """
    if len(body) > MAX_BYTES:
        raise PayloadError(
            type_name,
            f"{what}{len(body)} bytes are over the limit of {MAX_BYTES}: store it elsewhere and send a reference",
        )


def _explained(error: msgspec.MsgspecError) -> str:
    """Say what is wrong by field and type; the words of a class's own validator may hold the value."""
    if error.__cause__ is None:
        return without_values(str(error))
    path = _PATH.search(str(error))
    return f"refused by a validator ({type(error.__cause__).__name__})" + (f" - at {path[1]}" if path else "")


def without_values(message: str) -> str:
    """Drop quoted values from a decoder's message; backquoted type names stay."""
    return _QUOTED_VALUE.sub("", message)


def _declared(type_name: str, cls: type) -> tuple[attrs.Attribute[Any], ...]:
    if not attrs.has(cls):
        raise PayloadError(type_name, f"{cls.__name__} is not an attrs class: decorate it with @attrs.frozen")
    attrs.resolve_types(cls)
    for field in attrs.fields(cls):
        if field.name.startswith("_"):
            raise PayloadError(type_name, f"field {field.name} is private: the decoder would skip it")
        if field.converter is not None:
            raise PayloadError(type_name, f"field {field.name} has a converter: the decoder would skip it")
        try:
            msgspec.json.schema(field.type)
        except TypeError:
            raise PayloadError(type_name, f"field {field.name} has a type that JSON cannot carry") from None
    return tuple(attrs.fields(cls))
