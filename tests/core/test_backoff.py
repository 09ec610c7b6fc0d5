"""The wait between attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.backoff import Backoff, delay_ms

CENTURY_MS = 100 * 365 * 86_400_000
ALMOST_ONE = 1 - 2**-53

rolls = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 10_001)
backoffs = st.builds(
    Backoff,
    strategy=st.sampled_from(["none", "fixed", "linear", "exponential"]),
    base_ms=st.integers(0, CENTURY_MS),
    factor=st.floats(1, 100),
    cap_ms=st.integers(0, CENTURY_MS),
    jitter=st.sampled_from(["none", "full", "equal"]),
)


def without_jitter(backoff: Backoff, attempt: int) -> int:
    return delay_ms(Backoff(backoff.strategy, backoff.base_ms, backoff.factor, backoff.cap_ms, "none"), attempt, 0.5)


@given(backoffs, attempts, rolls)
def test_a_wait_is_never_longer_than_the_cap_nor_negative(backoff, attempt, roll):
    assert 0 <= delay_ms(backoff, attempt, roll) <= backoff.cap_ms


@given(backoffs, attempts)
def test_without_jitter_a_later_attempt_never_waits_less(backoff, attempt):
    assert without_jitter(backoff, attempt) <= without_jitter(backoff, attempt + 1)


@given(backoffs, attempts, rolls)
def test_the_dice_decide_nothing_without_jitter(backoff, attempt, roll):
    plain = Backoff(backoff.strategy, backoff.base_ms, backoff.factor, backoff.cap_ms, "none")

    assert delay_ms(plain, attempt, 0) == delay_ms(plain, attempt, roll)


@given(backoffs, attempts, rolls, rolls)
def test_a_higher_roll_never_waits_less(backoff, attempt, one, other):
    low, high = sorted((one, other))

    assert delay_ms(backoff, attempt, low) <= delay_ms(backoff, attempt, high)


@pytest.mark.parametrize(("jitter", "shortest"), [("full", 0), ("equal", 500)])
def test_jitter_spreads_the_wait_over_the_whole_or_the_upper_half(jitter, shortest):
    backoff = Backoff("fixed", 1_000, jitter=jitter)

    assert (shortest, 1_000) == (delay_ms(backoff, 1, 0), delay_ms(backoff, 1, ALMOST_ONE))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("none", [0, 0, 0, 0]),
        ("fixed", [1_000, 1_000, 1_000, 1_000]),
        ("linear", [1_000, 2_000, 3_000, 4_000]),
        ("exponential", [1_000, 3_000, 9_000, 10_000]),
    ],
)
def test_each_strategy_grows_as_it_says_up_to_its_cap(strategy, expected):
    backoff = Backoff(strategy, 1_000, 3.0, 10_000, "none")

    assert expected == [delay_ms(backoff, attempt, 0) for attempt in (1, 2, 3, 4)]


def test_an_attempt_too_high_for_a_float_waits_the_cap():
    assert 600_000 == delay_ms(Backoff(factor=100.0, jitter="none"), 10_001, 0)
