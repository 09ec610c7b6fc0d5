"""
The ``key=value`` words of ``jobframe enqueue``, read as a payload.

The rule: when the type's class is installed here, a value that is JSON for its field's declared type is taken as that
JSON, anything else as text. So ``count=3`` is a number for an ``int`` field and the text ``3`` for a ``str`` field.
When only the field's name is known, a value that is JSON is taken as JSON, anything else as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import msgspec

from jobframe.core.jobtype import JobType

__all__ = ["read_pairs"]


def read_pairs(pairs: Sequence[str], job_type: JobType | None) -> dict[str, Any]:
    """
    Read *pairs* as the fields of a payload.

    Args:
        pairs: Words of the form ``key=value``.
        job_type: The installed type; None when it is not installed here.

    Raises:
        ValueError: A word without ``=``, or a key given twice.

    """
    hints = _hints(job_type)
    payload: dict[str, Any] = {}
    for position, pair in enumerate(pairs, 1):
        key, equals, text = pair.partition("=")
        if not equals or not key:
            msg = f"field {position} is not of the form key=value"
            raise ValueError(msg)
        if key in payload:
            msg = f"field {key!r} is given twice"
            raise ValueError(msg)
        payload[key] = _read(text, hints.get(key, Any))
    return payload


def _hints(job_type: JobType | None) -> Mapping[str, Any]:
    cls = job_type.shape.cls if job_type else None
    return {field.name: field.type for field in attrs.fields(cls)} if cls else {}


def _read(text: str, hint: Any) -> Any:
    try:
        msgspec.json.decode(text, type=hint)
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text
