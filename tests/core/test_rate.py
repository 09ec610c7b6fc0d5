"""Rates: how they are written, and that no window of one period ever sees more starts than they allow."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobframe.core.rate import Rate, parse_rate

RATES = st.builds(Rate, st.integers(1, 100_000), st.sampled_from([1_000, 60_000, 3_600_000, 86_400_000]))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/s", Rate(1, 1_000)),
        ("100/m", Rate(100, 60_000)),
        ("20/h", Rate(20, 3_600_000)),
        ("7/d", Rate(7, 86_400_000)),
    ],
)
def test_a_rate_is_so_many_starts_a_period(text, rate):
    assert rate == parse_rate(text)
    assert text == str(rate)


@pytest.mark.parametrize(
    "value", ["0/s", "1/w", "1 / s", "-1/s", "1.5/s", "10000000/s", "100", "", 100, None, True, "1/s "]
)
def test_anything_else_is_refused(value):
    with pytest.raises(ValueError, match="expected a rate such as"):
        parse_rate(value)


@pytest.mark.parametrize("text", ["100000/s", "6000000/m", "9999999/h"])
def test_up_to_a_hundred_thousand_a_second_are_spaced_exactly(text):
    assert text == str(parse_rate(text))


@pytest.mark.parametrize("text", ["100001/s", "6000001/m"])
def test_more_than_that_is_refused_in_place_of_being_rounded(text):
    with pytest.raises(ValueError, match="expected at most 100000 a second"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "burst"), [("1/s", 1), ("20/s", 1), ("40/s", 2), ("1000/s", 50), ("100/m", 1), ("5000/d", 1)]
)
def test_what_flows_in_50_ms_may_come_at_once(text, burst):
    assert burst == parse_rate(text).burst


@given(RATES)
def test_no_window_of_one_period_sees_more_starts_than_the_rate(rate):
    """The fullest window opens with the whole burst; then one job comes with every interval."""
    one_too_many_us = (rate.count + 1 - rate.burst) * rate.interval_us

    assert one_too_many_us >= 1_000 * rate.period_ms


@given(RATES)
@example(Rate(95_693, 1_000))
def test_a_steady_flow_is_at_least_nine_tenths_of_the_rate_but_for_whole_microseconds(rate):
    assert (rate.interval_us - 1) * rate.count * 0.9 <= 1_000 * rate.period_ms


@given(RATES)
def test_evenly_spread_starts_use_the_whole_rate_and_no_window_sees_one_too_many(rate):
    assert rate.count * rate.spacing_us >= 1_000 * rate.period_ms
    assert rate.count * (rate.spacing_us - 1) < 1_000 * rate.period_ms
