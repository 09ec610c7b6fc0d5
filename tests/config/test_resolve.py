"""The precedence of the five layers, and where each value is said to come from."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from jobframe.config.lines import Lines
from jobframe.config.reader import read
from jobframe.config.resolve import Source, resolve
from jobframe.config.schema import Config, Environment
from jobframe.core.backoff import Backoff
from jobframe.core.group import Group
from jobframe.core.jobtype import JobType
from jobframe.core.policy import KEYS, Policy, parse_key

VALUES: dict[str, list[Any]] = {
    "run_in": ["loop", "thread", "process"],
    "concurrency": [1, 2, 3],
    "per_worker": [1, 4],
    "rate_limit": ["10/s", "100/m"],
    "group": [{"by": "e", "concurrency": 1}, {"by": "e", "concurrency": 2}],
    "uses": [[], ["gpu:1"], ["gpu", "licence:2"]],
    "priority": ["high", "normal", "low"],
    "max_retries": [0, 1, 2],
    "backoff": ["none", "fixed", {"strategy": "linear", "base": "3s"}],
    "timeout": ["1s", "2s", "3s"],
    "retry_on": [["A"], ["B", "C"]],
    "fail_on": [["A"], ["B", "C"]],
    "keep_result": ["0s", "1m"],
    "keep_completed": [0, 7],
    "keep_failed": ["1d", "2d"],
    "expires": ["1h", "2h"],
    "max_waiting": [1, 5000],
    "max_snoozes": [0, 5],
    "encrypt": [["c"], ["c", "d"]],
    "unique": [{"by": ["a"]}, {"by": ["a", "b"], "window": "1m"}, {"by": []}],
}
LAYER = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()})


@attrs.frozen
class Payload:
    a: str = ""
    b: str = ""
    c: str = ""
    d: str = ""
    e: str = ""


async def handler(ctx, payload: Payload):
    """Do nothing."""


def parsed(layer):
    return dict(parse_key(key, value) for key, value in layer.items())


def test_the_layers_below_know_every_key():
    assert KEYS.keys() == VALUES.keys()


@given(
    author=LAYER.filter(lambda layer: layer.get("run_in") != "thread"),
    defaults=LAYER,
    own=LAYER,
    strategy=st.sampled_from([None, "none", "fixed", "linear", "exponential"]),
    max_retries=st.sampled_from([None, 0, 9]),
)
def test_the_strongest_layer_that_sets_a_key_wins(author, defaults, own, strategy, max_retries):
    job_type = JobType("a.b", 1, handler, author)
    environment = Environment(strategy=strategy, max_retries=max_retries)
    config = Config(defaults=parsed(defaults), jobs={"a.b": parsed(own)}, environment=environment)

    policy = resolve(config, {"a.b": job_type})["a.b"].policy

    for key, (attribute, parse) in KEYS.items():
        written = [layer[key] for layer in (own, defaults, author) if key in layer]
        expected = parse(written[0]) if written else getattr(Policy(), attribute)
        if key == "max_retries" and max_retries is not None:
            expected = max_retries
        if key == "backoff" and strategy is not None:
            expected = attrs.evolve(expected, strategy=strategy)
        assert expected == getattr(policy, attribute)


@given(defaults=LAYER, own=LAYER)
def test_the_last_source_of_every_key_holds(defaults, own):
    config = Config(defaults=parsed(defaults), jobs={"a.b": parsed(own)}, lines=Lines("jobs.toml"))

    resolved = resolve(config, {"a.b": JobType("a.b", 1, handler, {})})["a.b"]

    assert KEYS.keys() == resolved.sources.keys()
    for key, sources in resolved.sources.items():
        expected = '[jobs."a.b"]' if key in own else "[defaults]" if key in defaults else "built-in"
        assert expected == sources[-1].origin.removesuffix(" jobs.toml")


def test_every_layer_that_sets_a_key_is_shown_the_weakest_first_with_file_and_line(write, asynchronous):
    write("""\
[defaults]
max_retries = 4
[jobs."a.b"]
timeout = "90s"
max_retries = 5
""")
    config = read(None, {"QUEUE_MAX_RETRIES": "6"})

    sources = resolve(config, {"a.b": asynchronous("a.b", max_retries=2, timeout="1m")})["a.b"].sources

    assert (
        Source("max_retries", "3", "built-in"),
        Source("max_retries", "2", "author"),
        Source("max_retries", "4", "[defaults] jobs.toml:2"),
        Source("max_retries", "5", '[jobs."a.b"] jobs.toml:5'),
        Source("max_retries", "6", "env QUEUE_MAX_RETRIES"),
    ) == sources["max_retries"]
    assert (
        Source("timeout", '"5m"', "built-in"),
        Source("timeout", '"1m"', "author"),
        Source("timeout", '"90s"', '[jobs."a.b"] jobs.toml:4'),
    ) == sources["timeout"]


def test_the_strategy_of_the_environment_keeps_the_rest_of_the_backoff(write, asynchronous):
    write('[defaults]\nbackoff = { strategy = "linear", base = "3s", cap = "1m", jitter = "none" }')
    config = read(None, {"QUEUE_BACKOFF_STRATEGY": "fixed"})

    resolved = resolve(config, {"a.b": asynchronous("a.b")})["a.b"]

    assert Backoff("fixed", base_ms=3_000, cap_ms=60_000, jitter="none") == resolved.policy.backoff
    assert (
        Source(
            "backoff",
            '{ strategy = "fixed", base = "3s", factor = 2.0, cap = "1m", jitter = "none" }',
            "env QUEUE_BACKOFF_STRATEGY",
        )
        == resolved.sources["backoff"][-1]
    )


def test_where_a_handler_runs_by_its_kind_is_no_choice_of_its_author(asynchronous, plain):
    types = {"a": asynchronous("a"), "b": plain("b"), "c": plain("c", run_in="process")}

    resolved = resolve(Config(), types)

    assert (Source("run_in", '"loop"', "built-in"),) == resolved["a"].sources["run_in"]
    assert (Source("run_in", '"thread"', "built-in"),) == resolved["b"].sources["run_in"]
    assert Source("run_in", '"process"', "author") == resolved["c"].sources["run_in"][-1]


def test_lists_and_absent_values_are_shown_as_toml_would_or_as_none(write, asynchronous):
    write('[defaults]\nretry_on = ["TimeoutError", "aiohttp.ClientError"]')

    sources = resolve(read(None, {}), {"a": asynchronous("a")})["a"].sources

    assert '["TimeoutError", "aiohttp.ClientError"]' == sources["retry_on"][-1].value
    assert "none" == sources["expires"][-1].value


def test_a_default_group_is_that_of_the_types_whose_payload_has_the_field(write, asynchronous):
    write('[defaults]\ngroup = { by = "e", concurrency = 2 }')
    types = {"a.b": JobType("a.b", 1, handler, {}), "c.d": asynchronous("c.d")}

    for config in (read(None, {}), read(None, {"JOBFRAME__DEFAULTS__GROUP": '{ by = "e", concurrency = 2 }'})):
        groups = {name: each.policy.group for name, each in resolve(config, types).items()}
        assert {"a.b": Group("e", 2), "c.d": None} == groups
