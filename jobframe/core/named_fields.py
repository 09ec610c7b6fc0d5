"""What a policy may not do with the fields of a payload: look at values that are sealed, or that are not there."""

from __future__ import annotations

from collections.abc import Collection

from jobframe.core.unique import Unique
from jobframe.core.unknown_fields import UnknownFields

__all__ = ["refused_field", "refused_unique"]


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


def refused_unique(
    type: str, unique: Unique, fields: Collection[str], sealed: Collection[str]
) -> tuple[str, str] | None:
    """Say which part of *unique* the type cannot have and why; None when it can have all."""
    if problem := refused_field(type, unique.by or (), fields, sealed):
        return "by", problem
    if unique.mode == "replace" and sealed:
        return "mode", f'"replace" is not for sealed fields ({", ".join(sealed)}): their values open only for one job'
    return None
