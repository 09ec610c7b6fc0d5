"""The one tree of errors."""

from __future__ import annotations

import copy
import pickle

import pytest

import jobframe
from jobframe.core import errors
from jobframe.core.errors import (
    ConfigError,
    Fenced,
    JobCancelled,
    JobFailed,
    JobframeError,
    JobNotFound,
    PayloadError,
    PluginError,
    Problem,
    QueueFull,
    RestrictedField,
    StoreFull,
    StoreUnavailable,
    Timeout,
    UnknownJobType,
)

PROBLEM = Problem('jobs."a.b".timeout', "expected a duration", "jobs.toml", 7)

EXAMPLES: list[tuple[JobframeError, str, dict[str, object]]] = [
    (
        ConfigError(PROBLEM, Problem("redis", "no URL")),
        'jobs.toml:7: jobs."a.b".timeout: expected a duration\nredis: no URL',
        {"problems": (PROBLEM, Problem("redis", "no URL"))},
    ),
    (PluginError("thumbs", "it is gone"), "plugin thumbs: it is gone", {"plugin": "thumbs", "reason": "it is gone"}),
    (
        UnknownJobType("a.c", "a.b"),
        "unknown job type 'a.c': did you mean 'a.b'?",
        {"type": "a.c", "nearest": "a.b"},
    ),
    (
        UnknownJobType("a.c"),
        (
            "unknown job type 'a.c': start a worker that has its plugin, or import its handler; "
            "`jobframe types` lists what is known"
        ),
        {"type": "a.c", "nearest": None},
    ),
    (
        PayloadError("a.b", "unknown field 'x'"),
        "payload of 'a.b': unknown field 'x'",
        {"type": "a.b", "problem": "unknown field 'x'"},
    ),
    (
        RestrictedField("a.b", ("iban", "name")),
        (
            "job type 'a.b' has restricted fields (iban, name): this process has no key to seal them; set JOBFRAME_KEYS"
            ", or what [encryption] keys_env names, as the workers have it (`jobframe keys new` makes a key)"
        ),
        {"type": "a.b", "fields": ("iban", "name")},
    ),
    (
        QueueFull("a.b", 9),
        "queue of 'a.b' is full (9 waiting): try later, or raise max_waiting",
        {"type": "a.b", "limit": 9},
    ),
    (
        StoreUnavailable("it is away", acknowledged=False),
        "it is away",
        {"reason": "it is away", "acknowledged": False},
    ),
    (
        StoreFull(),
        "the store is out of memory: nothing was enqueued; try again later or raise maxmemory",
        {},
    ),
    (JobNotFound("a.b:1"), "no job 'a.b:1': it never existed, or its record is no longer kept", {"id": "a.b:1"}),
    (JobFailed("a.b:1", "broken"), "job a.b:1 failed: broken", {"id": "a.b:1", "reason": "broken"}),
    (JobCancelled("a.b:1", "no use"), "job a.b:1 was cancelled: no use", {"id": "a.b:1", "reason": "no use"}),
    (JobCancelled("a.b:1"), "job a.b:1 was cancelled", {"id": "a.b:1", "reason": ""}),
    (Timeout("a.b:1", 1.5), "job a.b:1 did not end within 1.5 s; it goes on", {"id": "a.b:1", "waited_s": 1.5}),
    (
        Fenced("a.b:1", 7),
        "job a.b:1: another run owns it by now, this one (fence 7) no longer counts: end here",
        {"id": "a.b:1", "fence": 7},
    ),
]
each_error = pytest.mark.parametrize(
    ("error", "text", "data"), EXAMPLES, ids=[type(error).__name__ for error, _, _ in EXAMPLES]
)


@each_error
def test_an_error_says_what_happened_and_carries_its_data(error, text, data):
    assert text == str(error)
    assert data == {name: getattr(error, name) for name in data}


@each_error
def test_an_error_comes_unchanged_out_of_another_process(error, text, data):
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert (type(error), text) == (type(twin), str(twin))
        assert data == {name: getattr(twin, name) for name in data}


@each_error
def test_nothing_was_accepted_before_an_error_unless_it_says_so(error, text, data):
    assert [] == list(error.accepted)


def test_every_error_has_an_example_here_and_is_public():
    names = {name for name in errors.__all__ if name not in ("JobframeError", "Problem")}

    assert names == {type(error).__name__ for error, _, _ in EXAMPLES}
    assert all(issubclass(getattr(jobframe, name), jobframe.JobframeError) for name in names)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (PROBLEM, 'jobs.toml:7: jobs."a.b".timeout: expected a duration'),
        (Problem("redis.url", "no server", "JOBFRAME_REDIS_URL"), "JOBFRAME_REDIS_URL: redis.url: no server"),
        (Problem("", "no such file", "jobs.toml"), "jobs.toml: no such file"),
        (Problem("redis.url", "no server"), "redis.url: no server"),
    ],
)
def test_a_problem_says_where_it_stands_as_far_as_is_known(problem, text):
    assert text == str(problem)


def test_a_problem_says_what_kind_it_is_and_what_was_probably_meant():
    unknown = Problem("defaults.x", "unknown key 'x': did you mean 'y'?")
    assert ("unknown-key", "did you mean 'y'?") == (unknown.code, unknown.hint)
    assert "unknown-type" == Problem("", "unknown job type 'a.b': none are installed").code
    assert ("invalid", "") == (Problem("a", "is wrong").code, Problem("a", "is wrong").hint)
    assert "drift" == Problem("a", "is wrong", code="drift").code
    assert Problem("a", "is wrong", code="drift") == Problem("a", "is wrong")
