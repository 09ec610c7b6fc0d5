"""The strict shape of a payload: what a class may declare, and JSON to object and back without coercion."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import attrs
import msgspec

from jobframe.core.body import explained, fields_of, to_json
from jobframe.core.declaration import RESTRICTED, declared_fields
from jobframe.core.errors import PayloadError
from jobframe.core.unknown_fields import Check, UnknownFields

__all__ = ["Shape", "restricted", "restricted_fields", "sealed_fields"]


def restricted(**attrs_field: Any) -> Any:
    """
    Declare a restricted attrs field: its value never leaves the process in clear.

    Args:
        **attrs_field: Whatever `attrs.field` takes.

    """
    metadata = {**attrs_field.pop("metadata", {}), RESTRICTED: True}
    return attrs.field(metadata=metadata, repr=False, **attrs_field)


def restricted_fields(cls: type) -> tuple[str, ...]:
    """Name the restricted fields of *cls*; none when it is no attrs class."""
    return tuple(field.name for field in attrs.fields(cls) if field.metadata.get(RESTRICTED)) if attrs.has(cls) else ()


def sealed_fields(fields: Collection[str], restricted: Collection[str], encrypt: Collection[str]) -> tuple[str, ...]:
    """
    Name those of a type's *fields* that are sealed in the store; nothing may depend on their values there.

    Args:
        fields: Names of its payload's fields.
        restricted: Those that the author declared restricted.
        encrypt: What the policy has sealed; in ``[defaults]`` it may name fields that only other types have.

    """
    if not restricted and not encrypt:
        return ()  # most types, for every job
    return tuple(name for name in fields if name in restricted or name in encrypt)


class Shape:
    """
    The payload of one job type: an attrs class, or nothing.

    Attributes:
        type: Job type, for error texts.
        cls: The attrs class; None for a type without fields.
        fields: Names of its fields, in order.
        restricted: Names of those that their author declared restricted.

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
        declared = declared_fields(type, cls) if cls is not None else ()
        self.fields = tuple(field.name for field in declared)
        self.restricted = restricted_fields(cls) if cls is not None else ()

    def sealed(self, encrypt: Collection[str]) -> tuple[str, ...]:
        """Name the fields that are sealed under a policy with that *encrypt*."""
        return sealed_fields(self.fields, self.restricted, encrypt)

    def refuse(self, unknown: str) -> PayloadError:
        """Make the error for the name of a field that there is not."""
        return self._unknown.refuse(unknown, self.fields)

    def encode(self, payload: object) -> bytes:
        """
        Turn *payload* (the attrs object, a dict, or None for no fields) into checked JSON.

        Raises:
            PayloadError: It does not fit the class, or is over 256 KiB.

        """
        body = to_json(self.type, payload)
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
        except PayloadError:
            raise
        except Exception as error:  # noqa: BLE001 - a validator of the class may raise anything
            raise PayloadError(self.type, explained(error)) from None

    def defaults(self, names: Collection[str]) -> dict[str, Any]:
        """Return what those of the fields *names* that may be left out have then, as JSON carries it."""
        found = {}
        for field in attrs.fields(self.cls) if self.cls is not None else ():
            made = field.default
            if field.name in names and made is not attrs.NOTHING and not getattr(made, "takes_self", False):
                found[field.name] = msgspec.to_builtins(made.factory() if hasattr(made, "factory") else made)
        return found

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
        names = fields_of(body)
        if not self._known.issuperset(names):
            unknown = next(name for name in names if name not in self._known)
            raise self.refuse(unknown)
        if self._nested is not None:
            self._nested(msgspec.json.decode(body))
