"""What a batch handler is given: several jobs of one type for one call."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from jobframe.core.context import Context

__all__ = ["LARGEST_BATCH", "Job"]

LARGEST_BATCH = 256

Payload = TypeVar("Payload")


@attrs.frozen
class Job(Generic[Payload]):
    """
    One of the jobs that a batch handler is called with.

    Attributes:
        payload: Its payload; None for a type with no fields.
        ctx: Its own context: id, attempt, fence, follow-ups.

    """

    payload: Payload = attrs.field(repr=False)
    ctx: Context
