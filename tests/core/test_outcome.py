"""Signals, ours and arq's."""

from __future__ import annotations

import datetime as dt

import arq
import pytest

from jobframe.core.outcome import Cancel, Fail, Retry, Snooze, as_signal


@pytest.mark.parametrize(("after", "after_ms"), [(None, None), ("30s", 30_000), (dt.timedelta(seconds=2), 2_000)])
def test_a_retry_waits_for_a_duration_or_leaves_it_to_the_policy(after, after_ms):
    signal = Retry(after, "busy")

    assert (after_ms, "busy", "busy") == (signal.after_ms, signal.reason, str(signal))


def test_a_snooze_waits_for_its_delay():
    assert 300_000 == Snooze("5m").delay_ms


@pytest.mark.parametrize("make", [Retry, Snooze])
def test_a_bare_number_is_no_wait(make):
    with pytest.raises(ValueError, match="expected a duration"):
        make(30)


@pytest.mark.parametrize("signal", [Cancel("no use"), Fail("no use")])
def test_an_end_has_its_reason(signal):
    assert ("no use", "no use") == (signal.reason, str(signal))


@pytest.mark.parametrize("signal", [Retry(), Snooze("1s"), Cancel(), Fail("x")])
def test_a_signal_stands_for_itself(signal):
    assert signal is as_signal(signal)


@pytest.mark.parametrize(
    ("defer", "after_ms"), [(None, None), (5, 5_000), (dt.timedelta(milliseconds=20), 20), (-5, 0)]
)
def test_arqs_retry_is_understood(defer, after_ms):
    signal = as_signal(arq.Retry(defer))

    assert isinstance(signal, Retry)
    assert after_ms == signal.after_ms


def test_other_exceptions_are_no_signals():
    assert [None, None] == [as_signal(ValueError("Retry")), as_signal(KeyboardInterrupt())]
