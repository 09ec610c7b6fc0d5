"""Policy values as jobs.toml writes them."""

from __future__ import annotations

from typing import Any

import attrs

from jobframe.core.backoff import Backoff
from jobframe.core.duration import format_ms
from jobframe.core.group import Group
from jobframe.core.rate import Rate
from jobframe.core.resource import Use
from jobframe.core.unique import Unique

__all__ = ["plain", "written"]


def plain(attribute: str, value: Any) -> Any:
    """Return the value of an attribute as a reader of jobs.toml gets it: ``120000`` of ``timeout_ms`` → ``"2m"``."""
    if isinstance(value, int) and attribute.endswith("_ms"):
        return format_ms(value)
    if isinstance(value, tuple | list | set | frozenset):
        return [plain("", item) for item in value]
    if isinstance(value, Rate | Use):
        return str(value)
    if isinstance(value, Unique):
        return value.table
    if attrs.has(type(value)):
        parts = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        return {name.removesuffix("_ms"): plain(name, part) for name, part in parts.items()}
    return value


def written(attribute: str, value: object) -> str:
    """
    Write the value of a `Policy` attribute as jobs.toml would: ``120000`` of ``timeout_ms`` → ``"2m"``.

    None, which TOML cannot say, is ``none``.
    """
    match value:
        case None:
            return "none"
        case Backoff() | Group():
            return _table(value)
        case tuple():
            return f"[{', '.join(written('', item) for item in value)}]"
        case int() if attribute.endswith("_ms"):
            return f'"{format_ms(value)}"'
        case str() | Rate() | Use():
            return f'"{value}"'
        case _:
            return str(value)


def _table(value: Backoff | Group) -> str:
    names = [field.name for field in attrs.fields(type(value))]
    parts = (f"{name.removesuffix('_ms')} = {written(name, getattr(value, name))}" for name in names)
    return f"{{ {', '.join(parts)} }}"
