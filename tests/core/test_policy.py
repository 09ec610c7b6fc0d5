"""The keys of a type and what they take."""

from __future__ import annotations

import attrs
import pytest

from jobframe.core.backoff import Backoff
from jobframe.core.policy import KEYS, Policy, nearest, parse_backoff, parse_key
from jobframe.core.rate import Rate
from jobframe.core.unique import Unique


def test_every_attribute_of_a_policy_has_one_key():
    assert {field.name for field in attrs.fields(Policy)} == {attribute for attribute, _ in KEYS.values()}
    assert len(KEYS) == len(attrs.fields(Policy))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("run_in", "process", ("run_in", "process")),
        ("concurrency", 4, ("concurrency", 4)),
        ("priority", "high", ("priority", "high")),
        ("max_retries", 0, ("max_retries", 0)),
        ("backoff", "none", ("backoff", Backoff("none"))),
        ("timeout", "2m", ("timeout_ms", 120_000)),
        ("retry_on", ["OSError"], ("retry_on", ("OSError",))),
        ("fail_on", ("aiohttp.ClientError",), ("fail_on", ("aiohttp.ClientError",))),
        ("keep_result", "0s", ("keep_result_ms", 0)),
        ("keep_completed", 0, ("keep_completed", 0)),
        ("keep_failed", "30d", ("keep_failed_ms", 2_592_000_000)),
        ("expires", "1h", ("expires_ms", 3_600_000)),
        ("max_snoozes", 3, ("max_snoozes", 3)),
        ("max_waiting", 100_000, ("max_waiting", 100_000)),
        ("per_worker", 2, ("per_worker", 2)),
        ("unique", {"by": ["a"], "window": "10m"}, ("unique", Unique(("a",), 600_000))),
        ("rate_limit", "100/m", ("rate_limit", Rate(100, 60_000))),
        ("encrypt", ["note", "name"], ("encrypt", ("note", "name"))),
    ],
)
def test_each_key_sets_its_attribute(key, value, expected):
    assert expected == parse_key(key, value)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("run_in", "fork", "expected one of loop, thread, process, got 'fork'"),
        ("run_in", 1, "expected one of loop, thread, process, got 1"),
        ("concurrency", 0, "expected a whole number from 1 to 1000000, got 0"),
        ("concurrency", None, "expected a whole number from 1 to 1000000, got None"),
        ("priority", "urgent", "expected one of high, normal, low, got 'urgent'"),
        ("max_retries", -1, "expected a whole number from 0 to 10000, got -1"),
        ("max_retries", True, "expected a whole number from 0 to 10000, got true"),
        ("max_retries", 3.0, "expected a whole number from 0 to 10000, got 3.0"),
        ("max_retries", "3", "expected a whole number from 0 to 10000, got '3'"),
        ("max_retries", 10_001, "expected a whole number from 0 to 10000, got 10001"),
        ("timeout", "0s", "expected a duration longer than 0, got '0s'"),
        ("timeout", 30, 'expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got 30'),
        ("expires", "0s", "expected a duration longer than 0, got '0s'"),
        ("retry_on", "OSError", "expected a list of exception class names such as [\"TimeoutError\"], got 'OSError'"),
        (
            "fail_on",
            [OSError],
            "expected a list of exception class names such as [\"TimeoutError\"], got [<class 'OSError'>]",
        ),
        ("fail_on", [""], "expected a list of exception class names such as [\"TimeoutError\"], got ['']"),
        ("encrypt", "note", "expected a list of names of payload fields such as [\"note\"], got 'note'"),
        ("encrypt", ["a b"], "expected a list of names of payload fields such as [\"note\"], got ['a b']"),
        ("encrypt", [1], 'expected a list of names of payload fields such as ["note"], got [1]'),
        ("unique", "document_id", "expected a table such as { by = [\"document_id\"] }, got 'document_id'"),
        ("unique", {"bye": ["a"]}, "unknown key 'bye' of unique: did you mean 'by'?"),
        ("unique", {"by": "a"}, "unique by: expected a list of names of payload fields such as [\"note\"], got 'a'"),
        (
            "unique",
            {"window": "0s"},
            'unique window: expected "until-done" or a duration longer than 0 such as "10m", got \'0s\'',
        ),
        (
            "unique",
            {"window": 600},
            'unique window: expected "until-done" or a duration longer than 0 such as "10m", got 600',
        ),
        ("unique", {"mode": "skip"}, "unique mode: expected one of ignore, replace, got 'skip'"),
        ("unique", {"max_wait": "1m"}, 'unique max_wait: has a meaning only with mode = "replace"'),
        (
            "unique",
            {"mode": "replace", "max_wait": "0s"},
            "unique max_wait: expected a duration longer than 0, got '0s'",
        ),
        ("backoff", "slow", "backoff strategy: expected one of none, fixed, linear, exponential, got 'slow'"),
        ("backoff", 5, "backoff strategy: expected one of none, fixed, linear, exponential, got 5"),
        ("backoff", {"bass": "1s"}, "unknown key 'bass' of backoff: did you mean 'base'?"),
        ("backoff", {"factor": 0.5}, "backoff factor: expected a number from 1 to 100, got 0.5"),
        ("backoff", {"factor": float("nan")}, "backoff factor: expected a number from 1 to 100, got nan"),
        ("backoff", {"factor": True}, "backoff factor: expected a number from 1 to 100, got true"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(key, value, problem):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared
        parse_key(key, value)

    assert problem == str(refused.value)


def test_an_unknown_key_is_refused_with_the_nearest():
    with pytest.raises(KeyError) as refused:
        parse_key("timeuot", "1s")

    assert "unknown key 'timeuot': did you mean 'timeout'?" == refused.value.args[0]


def test_a_backoff_is_a_strategy_or_a_table():
    table = {"strategy": "linear", "base": "2s", "factor": 3, "cap": "1m", "jitter": "equal"}

    assert Backoff("linear", 2_000, 3.0, 60_000, "equal") == parse_backoff(table)
    assert Backoff("fixed") == parse_backoff("fixed")
    assert Backoff() == parse_backoff({})


def test_a_name_like_nothing_is_answered_with_all_that_is_known():
    assert ": known are a, b" == nearest("zzz", ["b", "a"])
