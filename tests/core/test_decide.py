"""What an attempt's end means for its job."""

from __future__ import annotations

import asyncio

import aiohttp
import arq
import pytest

from jobframe.core.backoff import Backoff
from jobframe.core.decide import class_names, decide, decide_crash
from jobframe.core.outcome import Cancel, Cancelled, Crashed, Fail, Failed, Retried, Retry, Snooze, Snoozed
from jobframe.core.policy import Policy

LINEAR = Backoff("linear", 100, jitter="none")
POLICY = Policy(max_retries=3, backoff=LINEAR, max_snoozes=2)


class Mixin:
    """Names a family of errors."""


class Known(ValueError, Mixin):
    """An error with two families."""


class Remote(Exception):  # as the runtime shows what a child process raised
    class_name = "acme.Broken"
    class_names = {"acme.Broken", "Broken", "Exception"}  # noqa: RUF012 - as RemoteError has it


@pytest.mark.parametrize(
    ("signal", "attempt", "snoozes", "expected"),
    [
        (Retry(), 1, 0, Retried(100)),
        (Retry(), 3, 0, Retried(300)),
        (Retry("7s"), 3, 0, Retried(7_000)),
        (Retry("0s"), 3, 0, Retried(0)),
        (Retry("7s"), 4, 0, Failed("exhausted: 4 of 4 attempts failed, the last with Retry")),
        (arq.Retry(defer=2), 1, 0, Retried(2_000)),
        (arq.Retry(), 2, 0, Retried(200)),
        (Snooze("1m"), 4, 1, Snoozed(60_000)),
        (Snooze("1m"), 1, 2, Failed("max_snoozes: asked to be run later more than 2 times")),
        (Cancel("no use"), 9, 9, Cancelled("no use")),
        (Cancel(), 1, 0, Cancelled("")),
        (Fail("no use"), 1, 0, Failed("no use")),
    ],
    ids=repr,
)
def test_a_signal_says_itself_how_the_job_goes_on(signal, attempt, snoozes, expected):
    assert expected == decide(POLICY, attempt, snoozes, signal, 0.5)


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (1, Retried(100)),
        (2, Retried(200)),
        (3, Retried(300)),
        (4, Failed("exhausted: 4 of 4 attempts failed, the last with Known")),
        (5, Failed("exhausted: 5 of 4 attempts failed, the last with Known")),
    ],
)
@pytest.mark.parametrize(("retry_on", "fail_on"), [((), ()), (("Known",), ()), (("ValueError",), ("OSError",))])
def test_an_exception_is_retried_while_attempts_are_left(attempt, expected, retry_on, fail_on):
    policy = Policy(max_retries=3, backoff=LINEAR, retry_on=retry_on, fail_on=fail_on)

    assert expected == decide(policy, attempt, 0, Known("x"), 0.5)


def test_without_retries_the_first_attempt_is_the_last():
    expected = Failed("exhausted: 1 of 1 attempts failed, the last with TimeoutError")

    assert expected == decide(Policy(max_retries=0), 1, 0, TimeoutError(), 0.5)


def test_the_roll_is_the_jitter_of_the_wait():
    policy = Policy(backoff=Backoff("fixed", 1_000, jitter="full"))

    assert [Retried(0), Retried(250)] == [decide(policy, 1, 0, OSError(), roll) for roll in (0, 0.25)]


NAMES_OF_KNOWN = ["Known", f"{__name__}.Known", "ValueError", "builtins.ValueError", "Exception", "Mixin"]


@pytest.mark.parametrize("name", NAMES_OF_KNOWN)
def test_fail_on_names_a_class_or_any_base_of_it(name):
    assert Failed("fail_on: Known") == decide(Policy(fail_on=("OSError", name)), 1, 0, Known(), 0.5)


@pytest.mark.parametrize("name", NAMES_OF_KNOWN)
def test_retry_on_names_a_class_or_any_base_of_it(name):
    assert isinstance(decide(Policy(retry_on=("OSError", name)), 1, 0, Known(), 0.5), Retried)


@pytest.mark.parametrize("name", ["LookupError", "KeyError", "known", "BaseException", "object", "acme.Known"])
def test_other_names_are_not_meant(name):
    assert Failed("not in retry_on: Known") == decide(Policy(retry_on=(name,)), 1, 0, Known(), 0.5)
    assert isinstance(decide(Policy(fail_on=(name,)), 1, 0, Known(), 0.5), Retried)


def test_fail_on_is_stronger_than_retry_on():
    policy = Policy(retry_on=("ValueError",), fail_on=("Mixin",))

    assert Failed("fail_on: Known") == decide(policy, 1, 0, Known(), 0.5)


def test_a_signal_is_not_judged_by_its_class():
    policy = Policy(retry_on=("OSError",), fail_on=("Retry", "Exception"))

    assert Retried(1_000) == decide(policy, 1, 0, Retry("1s"), 0.5)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("aiohttp.ClientError", aiohttp.ServerTimeoutError()),
        ("aiohttp.client_exceptions.ClientError", aiohttp.ServerTimeoutError()),
        ("TimeoutError", aiohttp.ServerTimeoutError()),
        ("asyncio.TimeoutError", aiohttp.ServerTimeoutError()),
        ("asyncio.TimeoutError", TimeoutError()),
        ("asyncio.CancelledError", asyncio.CancelledError()),
    ],
)
def test_a_class_may_be_called_as_it_is_imported(name, error):
    assert name in class_names(error)


def test_an_error_of_a_child_process_is_judged_by_the_names_it_had_there():
    assert Failed("fail_on: acme.Broken") == decide(Policy(fail_on=("Broken",)), 1, 0, Remote(), 0.5)
    assert Failed("not in retry_on: acme.Broken") == decide(Policy(retry_on=("Remote",)), 1, 0, Remote(), 0.5)


@pytest.mark.parametrize("crashes", range(1, 5))
def test_a_job_whose_process_dies_again_and_again_is_poison(crashes):
    expected = Crashed() if crashes < 3 else Failed(f"poison: its process died {crashes} times while it ran")

    assert expected == decide_crash(crashes)
