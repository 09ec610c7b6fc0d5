"""What makes jobs equal: the key that the caller gave, or one made of the payload fields that the policy names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobframe.core.errors import PayloadError
from jobframe.core.jobtype import JobType
from jobframe.core.named_fields import refused_unique
from jobframe.core.unique import Unique
from jobframe.store.codec import NOT_EXCLUSIVE, Exclusion
from jobframe.store.policies import InForce

__all__ = ["exclusion"]


def exclusion(
    body: bytes, key: str | None, *, in_force: InForce | None = None, job_type: JobType | None = None
) -> Exclusion:
    """
    Return the exclusion key of a job, with the window and the mode that go with it.

    Args:
        body: The payload's JSON.
        key: What the caller gave; stronger than the policy's fields.
        in_force: What is in force for its type; None when it was never announced.
        job_type: The type itself, asked when nothing is in force.

    Raises:
        PayloadError: The policy in force names fields that it may not name.

    """
    unique: Unique | None
    if in_force is not None:
        unique, defaults = in_force.policy.unique, in_force.defaults
    else:
        unique = job_type.policy.get("unique") if job_type is not None else None
        defaults = job_type.shape.defaults(unique.by or ()) if job_type is not None and unique is not None else {}
    if unique is None:
        return NOT_EXCLUSIVE if key is None else Exclusion(key)
    if in_force is not None and (refused := refused_unique(in_force.type, unique, in_force.fields, in_force.sealed)):
        raise PayloadError(in_force.type, f"unique {refused[0]} of the policy in force: {refused[1]}")
    if key is None and unique.by is not None:
        key = _digest(body, unique.by, defaults)
    if key is None:
        return NOT_EXCLUSIVE
    return Exclusion(key, unique.window_ms, replace=unique.mode == "replace", max_wait_ms=unique.max_wait_ms)


def _digest(body: bytes, by: Sequence[str], defaults: Mapping[str, Any]) -> str:
    """Stand for the values of the fields *by*; one that was left out has its default, as the handler will see it."""
    given = _fields(body)
    values = [_value(given[name] if name in given else msgspec.json.encode(defaults.get(name))) for name in by]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))  # takes whole numbers of any length
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _number(text: str) -> float:
    """Make 1 of 1.0: it is one number to whoever sent it."""
    value = float(text)
    return int(value) if value.is_integer() else value


_fields: Any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder(float_hook=_number).decode
