"""Makes one ranking of several by reciprocal rank: only positions count, so scores need no common scale."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

__all__ = ["fuse"]

Item = TypeVar("Item", bound=Hashable)

K = 60
"""Dampens the first places, so that two rankings outvote one; the value of the paper."""


def fuse(rankings: Iterable[Sequence[Item]]) -> list[tuple[Item, float]]:
    """
    Rank items by the sum of ``1 / (60 + rank)`` over *rankings*, ranks from 1, best first; ties keep their first order.

    The formula is from Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", SIGIR 2009.
    """
    scores: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (K + rank)
    return sorted(scores.items(), key=lambda entry: -entry[1])
