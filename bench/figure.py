"""What a measurement is: figures with a unit and a goal, and a module that yields their values."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

__all__ = ["Figure", "Measurement", "Run"]

_COMPARE: dict[str, Callable[[float, float], bool]] = {"≤": operator.le, "≥": operator.ge}


@attrs.frozen
class Figure:
    """
    One line of the table.

    Attributes:
        key: Its name in the results.
        what: What it is, for people.
        unit: Of its values; empty for a ratio.
        goal: ``"≤ 12"`` or ``"≥ 0.8"``; empty when there is none.

    """

    key: str
    what: str
    unit: str = ""
    goal: str = ""

    def met(self, value: float) -> bool | None:
        """Say whether *value* meets the goal; None when there is none."""
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        return _COMPARE[sign](value, float(limit))


@attrs.frozen
class Run:
    """
    How a measurement is made.

    Attributes:
        quick: Only to see that it works: seconds, and figures that mean nothing.
        minutes: How long a worker is kept at full speed when its memory is watched.

    """

    quick: bool = False
    minutes: float = 10.0

    def size(self, full: int, quick: int) -> int:
        """Return how many, by the kind of run."""
        return quick if self.quick else full


class Measurement(Protocol):
    """
    A module of `bench.figures`.

    Attributes:
        FIGURES: What it measures.
        ROUNDS: How often at most: slow ones are measured once.

    """

    FIGURES: tuple[Figure, ...]
    ROUNDS: int

    measure: Callable[[Run], Awaitable[dict[str, float]]]
    """One round: the value of each figure by its key."""
