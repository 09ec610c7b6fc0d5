"""Durations, as people write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.duration import format_ms, parse_ms, span, to_delay_ms

CENTURY_MS = 100 * 365 * 86_400_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0s", 0), ("250ms", 250), ("1.5s", 1_500), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000)],
)
def test_a_number_with_a_unit_is_a_duration(text, ms):
    assert ms == parse_ms(text)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "-5s", "5s ", "5s\n", "1e3s", ".5s", "5.s", "5M", "1h30m", 5, 1.5, None, True]
)
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r'expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got '):
        parse_ms(text)


def test_over_a_hundred_years_is_refused():
    assert CENTURY_MS == parse_ms("36500d")
    with pytest.raises(ValueError, match="the duration 36501d is longer than a hundred years"):
        parse_ms("36501d")


@given(st.integers(0, CENTURY_MS))
def test_what_is_written_reads_as_before(ms):
    assert ms == parse_ms(format_ms(ms))


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (90_000, "90s"),
        (60_000, "1m"),
        (3_600_000, "1h"),
        (172_800_000, "2d"),
        (86_400_001, "86400001ms"),
    ],
)
def test_the_largest_whole_unit_is_written(ms, text):
    assert text == format_ms(ms)


@pytest.mark.parametrize(
    ("ms", "expected"), [(None, "-"), (0, "0ms"), (480, "480ms"), (12_900, "12s"), (7_200_000, "2h")]
)
def test_a_span_is_told_in_its_largest_unit(ms, expected):
    assert expected == span(ms)


def test_a_delay_is_a_text_or_a_timedelta():
    assert [90_000, 90_000] == [to_delay_ms("90s"), to_delay_ms(dt.timedelta(minutes=1.5))]


def test_a_negative_delay_is_refused():
    with pytest.raises(ValueError, match="a delay cannot be negative"):
        to_delay_ms(dt.timedelta(seconds=-1))


def test_a_bare_number_is_no_delay():
    with pytest.raises(ValueError, match="expected a duration"):
        to_delay_ms(30)  # type: ignore[arg-type] # the mistake itself
