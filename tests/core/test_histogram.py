"""The histograms of waits and runs."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.histogram import BOUNDS_MS, LAST, bucket, cumulate, merge, percentile, total_ms

DAY_MS = 86_400_000
durations = st.integers(0, DAY_MS)
histograms = st.dictionaries(st.integers(0, LAST), st.integers(1, 10**9))


def exact_bucket(ms: int) -> int:
    """The definition, in whole numbers: the largest b with 2^b <= ms^4."""
    return (ms**4).bit_length() - 1 if ms else 0


@given(durations)
def test_a_duration_falls_into_the_bucket_that_its_definition_names(ms):
    assert exact_bucket(ms) == bucket(ms)


def test_every_edge_of_every_bucket_is_exact():
    for number in range(1, LAST + 1):
        start = math.ceil(2 ** (number / 4))

        assert [exact_bucket(start - 1), exact_bucket(start)] == [bucket(start - 1), bucket(start)]


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(-5, 0), (0, 0), (1, 0), (2, 4), (4095, 47), (4096, 48), (DAY_MS, LAST), (10 * DAY_MS, LAST)],
)
def test_what_is_too_short_or_too_long_goes_into_the_first_or_last_bucket(ms, expected):
    assert expected == bucket(ms)


@given(st.lists(durations, min_size=1), st.floats(0, 1))
def test_a_percentile_lies_in_the_bucket_of_the_exact_one(values, share):
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]

    found = percentile(Counter(map(bucket, values)), share)

    assert found is not None
    assert bucket(exact) == min(LAST, int(math.log2(max(1, found)) * 4 + 1e-9))
    assert exact / 2**0.25 - 1.2 <= found <= exact * 2**0.25 + 1.2


@given(histograms, st.floats(0, 1), st.floats(0, 1))
def test_percentiles_rise_with_their_share(histogram, one, other):
    low, high = (percentile(histogram, share) for share in sorted((one, other)))

    if histogram:
        assert low is not None
        assert high is not None
        assert low <= high
    else:
        assert (None, None) == (low, high)


def test_the_percentile_of_nothing_is_none():
    assert percentile({}, 0.95) is None


@given(st.lists(histograms, max_size=4))
def test_merging_loses_no_count(several):
    expected = Counter()
    for histogram in several:
        expected.update(histogram)

    assert dict(expected) == merge(several)


@given(st.lists(durations))
def test_the_coarse_counts_are_those_of_the_durations_themselves(values):
    """A duration of exactly a bound counts above it, where its bucket begins."""
    expected = (*(sum(value < bound for value in values) for bound in BOUNDS_MS), len(values))

    assert expected == cumulate(Counter(map(bucket, values)))


@given(st.lists(st.integers(2, DAY_MS), min_size=1))
def test_the_estimated_sum_is_within_a_bucket_of_the_exact_one(values):
    estimate = total_ms(Counter(map(bucket, values)))

    assert sum(values) / 2**0.25 <= estimate <= sum(values) * 2**0.25


@given(histograms, st.integers(0, LAST))
def test_the_estimated_sum_never_falls_as_counts_rise(histogram, number):
    assert total_ms(histogram) <= total_ms(merge([histogram, {number: 1}]))
