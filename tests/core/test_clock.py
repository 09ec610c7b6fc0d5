"""The one clock."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core import clock

YEAR_9999_MS = 253_370_764_800_000


def test_the_wall_clock_counts_milliseconds_since_the_epoch():
    before = int(time.time() * 1000)  # noqa: TID251 - the other clock, to compare with

    assert before <= clock.wall_ms() <= int(time.time() * 1000) + 1  # noqa: TID251 - same


@given(st.integers(0, YEAR_9999_MS))
def test_milliseconds_become_an_aware_datetime_and_back(ms):
    when = clock.from_ms(ms)

    assert dt.timedelta(0) == when.utcoffset()
    assert ms == clock.to_ms(when)


def test_a_datetime_counts_in_its_own_time_zone():
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))

    assert clock.to_ms(dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)) == clock.to_ms(noon)


def test_a_datetime_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="needs a time zone"):
        clock.to_ms(dt.datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself
