"""
Waits and runs as histograms: 4 buckets an octave from 1 ms to a day, so a percentile is off by at most a fifth.

Bucket *b* covers ``[2^(b/4), 2^((b+1)/4))`` milliseconds; bucket 0 also holds everything shorter, the last one
everything longer. A histogram is a mapping of bucket number → count, with the empty buckets left out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping

__all__ = ["BOUNDS_MS", "LAST", "bucket", "cumulate", "merge", "percentile", "total_ms"]

LAST = 105
"""The bucket that holds 24 hours, and everything longer."""

BOUNDS_MS = tuple(4**power for power in range(1, 13))
"""Upper bounds of the coarse histogram for Prometheus, 4 ms to 4.7 h; each is a bucket's edge, so no count is split."""

_STARTS = [math.ceil(2 ** (number / 4)) for number in range(1, LAST + 1)]  # first whole millisecond of buckets 1, 2, …
_SHORT = bytes(bisect_right(_STARTS, ms) for ms in range(4096))  # nearly every job: half the cost of the search


def bucket(ms: int) -> int:
    """Return the bucket of a duration of *ms* whole milliseconds; settling calls it twice a job."""
    return _SHORT[ms] if 0 <= ms < 4096 else bisect_right(_STARTS, ms)  # noqa: PLR2004 - the length of the table


def merge(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Add up *histograms* bucket by bucket."""
    merged: dict[int, int] = {}
    for histogram in histograms:
        for number, count in histogram.items():
            merged[number] = merged.get(number, 0) + count
    return merged


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """
    Return the duration in milliseconds that *share* of the counted ones do not exceed.

    Args:
        histogram: Bucket number → count.
        share: 0.5 for the median, 0.95 for p95; from 0 to 1.

    Returns:
        A value within the bucket that holds the exact answer, placed by its rank there; None when nothing was counted.

    """
    rank = max(1, math.ceil(share * sum(histogram.values())))
    below = 0
    for number in sorted(histogram):
        count = histogram[number]
        if below + count >= rank:
            return _at(number, (rank - below - 0.5) / count)
        below += count
    return None


def cumulate(histogram: Mapping[int, int]) -> tuple[int, ...]:
    """Count the durations below each of `BOUNDS_MS` (one of exactly a bound counts above it), and last all of them."""
    below = [0] * len(BOUNDS_MS)
    for number, count in histogram.items():
        first = number // 8  # two octaves lie between two bounds
        for index in range(first, len(below)):
            below[index] += count
    return (*below, sum(histogram.values()))


def total_ms(histogram: Mapping[int, int]) -> float:
    """Estimate the sum of the counted durations from the middles of their buckets; it never falls as counts rise."""
    return math.fsum(_at(number, 0.5) * count for number, count in histogram.items())


def _at(number: int, part: float) -> float:
    """Return the duration a *part* of the way through a bucket: from 0 in the first one, by ratio in the others."""
    return float(2 ** ((number + part) / 4)) if number else part * 2**0.25
