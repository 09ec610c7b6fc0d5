"""Groups of jobs by the value of one field of their payload: how they are declared, and to which a job belongs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec

from jobframe.core.errors import PayloadError
from jobframe.core.form import table, takes
from jobframe.core.shown import shown

__all__ = ["Group", "group_of", "parse_group"]

_MOST = 1_000_000
_EXAMPLE = '{ by = "tenant", concurrency = 2 }'
_NO_SCALAR = b"[{"
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@attrs.frozen
class Group:
    """
    How jobs of one type are grouped.

    Attributes:
        by: The field of the payload whose values make the groups.
        concurrency: Jobs of one group that may run at once over all workers.

    """

    by: str
    concurrency: int


@takes(type="string", pattern=r"^[^\W\d]\w*$")
def _field_name(value: object) -> str:
    if not (isinstance(value, str) and value.isidentifier()):
        msg = f"expected the name of a field of the payload, got {shown(value)}"
        raise ValueError(msg)
    return value


@takes(type="integer", minimum=1, maximum=_MOST)
def _at_once(value: object) -> int:
    if type(value) is not int or not 1 <= value <= _MOST:
        msg = f"expected a whole number from 1 to {_MOST}, got {shown(value)}"
        raise ValueError(msg)
    return value


_PARTS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "by": ("by", _field_name),
    "concurrency": ("concurrency", _at_once),
}


@takes(**table(_PARTS, Group), required=list(_PARTS))
def parse_group(value: object) -> Group:
    """
    Read ``{ by = "tenant", concurrency = 2 }``.

    Raises:
        ValueError: It is no such table; the text begins with ``lacks`` when only a part is missing.

    """
    parts = value if isinstance(value, Mapping) else {}
    parsed = {}
    for part, given in parts.items():
        if part not in _PARTS:
            msg = f"unknown key {part!r} of group: known are {', '.join(_PARTS)}"
            raise ValueError(msg)
        try:
            parsed[part] = _PARTS[part][1](given)
        except ValueError as error:
            msg = f"group {part}: {error}"
            raise ValueError(msg) from None
    if parts is not value:
        msg = f"expected a table such as {_EXAMPLE}, got {shown(value)}"
        raise ValueError(msg)
    for part in _PARTS:
        if part not in parsed:
            msg = f"lacks {part}: write it as {_EXAMPLE}"
            raise ValueError(msg)
    return Group(**parsed)


def group_of(group: Group, type: str, body: bytes) -> str:
    """
    Return the group of a job of *type* with this payload: sixteen hexadecimal digits that stand for field and value.

    Only these are stored beside the payload, never the value itself. A payload without the field belongs to the group
    of null.

    Raises:
        PayloadError: The field holds a list or an object.

    """
    value = bytes(_fields(body).get(group.by, b"null"))
    if value[:1] in _NO_SCALAR:
        raise PayloadError(type, f"group by {group.by!r}: expected a text, a number, true, false or null in it")
    return hashlib.blake2b(f"{group.by}\0".encode() + value, digest_size=8).hexdigest()
