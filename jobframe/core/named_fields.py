"""Payload fields that a policy names to look at their values: which it may."""

from __future__ import annotations

from collections.abc import Collection

from jobframe.core.unknown_fields import UnknownFields

__all__ = ["refused_field"]


def refused_field(type: str, names: Collection[str], fields: Collection[str], sealed: Collection[str]) -> str:
    """
    Say what is wrong with the first of *names* that the policy of *type* may not name; empty when nothing is.

    Args:
        type: Job type.
        names: What the policy names.
        fields: The payload's fields.
        sealed: Those whose values never leave the process in clear.

    """
    for name in names:
        if name not in fields:
            return UnknownFields(type).refuse(name, fields).problem
        if name in sealed:
            return f"field {name!r} is sealed: nothing may depend on its value, for a digest of it could be guessed"
    return ""
