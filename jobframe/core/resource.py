"""What a running job takes of resources that several types share."""

from __future__ import annotations

import re

import attrs

from jobframe.core.form import takes
from jobframe.core.shown import shown

__all__ = ["MOST_OF_A_RESOURCE", "RESOURCE_NAME", "Use", "parse_uses"]

MOST_OF_A_RESOURCE = 1_000_000
"""A resource has at most so many units."""

RESOURCE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
"""What a resource may be called."""

_USE = re.compile(rf"({RESOURCE_NAME.pattern})(?::([1-9][0-9]{{0,6}}))?")


@attrs.frozen(order=True)
class Use:
    """
    What each running job of a type takes of one resource.

    Attributes:
        resource: Its name in ``[resources]``.
        amount: Units, from 1.
        capacity: Units that there are, all types together; 0 while nobody declares the resource.

    """

    resource: str
    amount: int
    capacity: int = 0

    def __str__(self) -> str:
        """Write it as jobs.toml does: ``gpu:1``."""
        return f"{self.resource}:{self.amount}"


@takes(type="array", items={"type": "string", "pattern": f"^{_USE.pattern}$"})
def parse_uses(value: object) -> tuple[Use, ...]:
    """
    Read ``["gpu:1", "licence"]``: names of resources, each once, with the units that a job takes; 1 when left out.

    Raises:
        ValueError: It is no such list.

    """
    found = [_USE.fullmatch(text) for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []
    uses = sorted(Use(each[1], int(each[2] or 1)) for each in found if each)
    if not isinstance(value, list | tuple) or len(uses) != len(value):
        msg = f'expected a list of resources and what a job takes of each, such as ["gpu:1"], got {shown(value)}'
        raise ValueError(msg)
    names = [use.resource for use in uses]
    if twice := next((name for name in names if names.count(name) > 1), None):
        msg = f"names resource {twice!r} twice"
        raise ValueError(msg)
    return tuple(uses)
