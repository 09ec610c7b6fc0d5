"""Which jobs of a type are equal, for how long, and what becomes of an equal one."""

from __future__ import annotations

import json
from typing import Any, Literal

import attrs

from jobframe.core.duration import format_ms

__all__ = ["UNTIL_DONE", "Mode", "Unique"]

Mode = Literal["ignore", "replace"]
UNTIL_DONE = "until-done"


@attrs.frozen
class Unique:
    """
    When an enqueue finds its equal.

    Attributes:
        by: Payload fields; jobs with the same values in them are equal. None leaves it to the ``key=`` of an enqueue.
        window_ms: How long an equal job is found, from the enqueue that made it; None is until it has ended.
        mode: ``ignore`` leaves the job that is there as it is, ``replace`` gives it the new payload.
        max_wait_ms: With ``replace``, the longest time from its first enqueue that new delays may put it off; None is
            ten times the delay.

    """

    by: tuple[str, ...] | None = None
    window_ms: int | None = None
    mode: Mode = "ignore"
    max_wait_ms: int | None = None

    def __attrs_post_init__(self) -> None:
        """
        Refuse parts that do not go together.

        Raises:
            ValueError: *max_wait_ms* without ``replace``.

        """
        if self.max_wait_ms is not None and self.mode != "replace":
            msg = 'unique max_wait: has a meaning only with mode = "replace"'
            raise ValueError(msg)

    @property
    def table(self) -> dict[str, Any]:
        """The table of jobs.toml that says the same."""
        parts = {
            "by": None if self.by is None else list(self.by),
            "window": UNTIL_DONE if self.window_ms is None else format_ms(self.window_ms),
            "mode": self.mode,
            "max_wait": None if self.max_wait_ms is None else format_ms(self.max_wait_ms),
        }
        return {key: part for key, part in parts.items() if part is not None}

    def __str__(self) -> str:
        """Write it as jobs.toml does."""
        return f"{{ {', '.join(f'{key} = {json.dumps(part)}' for key, part in self.table.items())} }}"
