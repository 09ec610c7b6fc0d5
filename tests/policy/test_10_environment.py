"""Any key of jobs.toml from the environment, stronger than the file, as strict as it, and shown with its variable."""

import pytest

from jobframe.config.check import check
from jobframe.config.reader import examine, read
from jobframe.config.resolve import resolve
from jobframe.core.backoff import Backoff
from jobframe.core.errors import ConfigError
from jobframe.core.jobtype import JobType
from jobframe.core.policy import KEYS
from jobframe.core.rate import Rate

FILE = """
[redis]
url = "redis://file"
[runtime]
max_jobs = 7
[defaults]
max_retries = 1
[jobs."mail.send-now"]
max_retries = 2
timeout = "9s"
[settings.my-plugin]
path = "file"
[settings.my-plugin.deep]
size = 1
"""


async def handler(ctx):
    """Do nothing."""


TYPES = {name: JobType(name, 1, handler, {}) for name in ("mail.send-now", "mail.other")}


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.toml").write_text(FILE)


def problems(environ):
    """Every problem that the variables have, also in the light of the job types."""
    config, found = examine(None, environ)
    return [str(problem) for problem in (*found, *check(config, TYPES, []).errors) if "settings" not in str(problem)]


def test_a_variable_wins_over_the_file_and_leaves_the_rest():
    config = read(None, {"JOBFRAME__RUNTIME__MAX_JOBS": "50", "JOBFRAME__STATUS__PORT": "0"})

    assert (50, 0, "redis://file") == (config.runtime.max_jobs, config.status.port, config.redis.url)


def test_the_file_is_not_needed(tmp_path):
    (tmp_path / "jobs.toml").unlink()

    config = read(None, {"JOBFRAME__REDIS__NAMESPACE": "shop", "JOBFRAME__RUNTIME__GRACE": "2s"})

    assert ("shop", 2_000) == (config.redis.namespace, config.runtime.grace_ms)


def test_dots_and_dashes_of_names_are_underscores():
    config = read(
        None, {"JOBFRAME__SETTINGS__MY_PLUGIN__PATH": "env", "JOBFRAME__SETTINGS__MY_PLUGIN__DEEP__SIZE": "2"}
    )

    assert {"my-plugin": {"path": "env", "deep": {"size": 2}}} == config.settings


def test_small_letters_mean_the_same():
    config = read(None, {"jobframe__runtime__max_jobs": "50", "JobFrame__Jobs__Mail_Other__Timeout": "3s"})

    assert 50 == config.runtime.max_jobs
    assert 3_000 == resolve(config, TYPES)["mail.other"].policy.timeout_ms


def test_a_key_given_twice_is_told_once_with_both_names():
    pairs = {
        "JOBFRAME__arq__QUEUE": "JOBFRAME__ARQ__QUEUE",
        "jobframe__defaults__timeout": "JOBFRAME__DEFAULTS__TIMEOUT",
    }
    environ = dict.fromkeys([*pairs, *pairs.values()], "3s")

    assert [f"{one}: says the same key as {other}: leave one of them out" for one, other in pairs.items()] == problems(
        environ
    )


def test_each_layer_of_policy_wins_over_the_one_before_and_says_where_it_is_from():
    environ = {
        "QUEUE_MAX_RETRIES": "3",
        "JOBFRAME__DEFAULTS__MAX_RETRIES": "4",
        "JOBFRAME__JOBS__MAIL_SEND_NOW__MAX_RETRIES": "5",
    }
    resolved = resolve(read(None, environ), TYPES)

    assert (5, 4) == tuple(resolved[name].policy.max_retries for name in TYPES)
    assert ["3", "1", "2", "3", "4", "5"] == [each.value for each in resolved["mail.send-now"].sources["max_retries"]]
    assert (
        "env JOBFRAME__JOBS__MAIL_SEND_NOW__MAX_RETRIES" == resolved["mail.send-now"].sources["max_retries"][-1].origin
    )
    assert 9_000 == resolved["mail.send-now"].policy.timeout_ms


@pytest.mark.parametrize(
    ("key", "text", "attribute", "value"),
    [
        ("TIMEOUT", "2m", "timeout_ms", 120_000),
        ("RATE_LIMIT", "100/m", "rate_limit", Rate(100, 60_000)),
        ("RETRY_ON", '["OSError"]', "retry_on", ("OSError",)),
        ("BACKOFF", "fixed", "backoff", Backoff("fixed")),
        ("BACKOFF", '{ strategy = "fixed", base = "2s" }', "backoff", Backoff("fixed", 2_000)),
        ("BACKOFF__STRATEGY", "linear", "backoff", Backoff("linear")),
        ("PRIORITY", '"high"', "priority", "high"),
    ],
)
def test_a_value_is_toml_or_a_text_as_it_stands(key, text, attribute, value):
    config = read(None, {f"JOBFRAME__JOBS__MAIL_OTHER__{key}": text})

    assert value == getattr(resolve(config, TYPES)["mail.other"].policy, attribute)


def test_every_key_of_a_policy_can_be_given():
    values = {
        "run_in": "process",
        "priority": "high",
        "rate_limit": "5/s",
        "backoff": "none",
        "uses": '["gpu"]',
        "unique": '{ window = "10m" }',
        "group": '{ by = "x", concurrency = 2 }',
    } | dict.fromkeys(("retry_on", "fail_on", "encrypt"), '["OSError"]')
    for key, (attribute, _) in KEYS.items():
        text = values.get(key, "7s" if attribute.endswith("_ms") else "7")
        config = read(None, {f"JOBFRAME__JOBS__MAIL_OTHER__{key.upper()}": text})
        (origin,) = [each.origin for each in resolve(config, TYPES)["mail.other"].sources[key] if "env" in each.origin]

        assert f"env JOBFRAME__JOBS__MAIL_OTHER__{key.upper()}" == origin


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("JOBFRAME__RUNTIME__MAX_JOBS", '"50"', "runtime.max_jobs: expected a whole number, got text"),
        ("JOBFRAME__RUNTIME__MAX_JOBS", "many", "runtime.max_jobs: expected a whole number, got text"),
        ("JOBFRAME__RUNTIME__MAX_JOB", "5", "runtime.max_job: unknown key 'max_job': did you mean 'max_jobs'?"),
        ("JOBFRAME__RUNTIMES__MAX_JOBS", "5", "unknown table 'runtimes': did you mean 'runtime'?"),
        ("JOBFRAME__RUNTIME", "5", "name a key of runtime: JOBFRAME__RUNTIME__KEY"),
        ("JOBFRAME__JOBS__MAIL_OTHER", "5", "name a key: JOBFRAME__JOBS__MAIL_OTHER__MAX_RETRIES"),
        (
            "JOBFRAME__DEFAULTS__MAX_RETRIE",
            "5",
            "defaults.max_retrie: unknown key 'max_retrie': did you mean 'max_retries'?",
        ),
        (
            "JOBFRAME__JOBS__MAIL_OTHER__TIMEOUT",
            "5",
            'jobs.MAIL_OTHER.timeout: expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got 5',
        ),
        ("JOBFRAME__JOBS__MAIL_OTHR__TIMEOUT", "5s", "unknown job type MAIL_OTHR: did you mean 'MAIL_OTHER'?"),
    ],
)
def test_what_is_wrong_names_the_variable(variable, text, message):
    assert [f"{variable}: {message}"] == problems({variable: text})


def test_two_types_that_look_alike_cannot_be_told_apart():
    alike = {name: JobType(name, 1, handler, {}) for name in ("a.b", "a_b")}
    config = read(None, {"JOBFRAME__JOBS__A_B__TIMEOUT": "5s"})

    (error,) = [str(error) for error in check(config, alike, []).errors if "A_B" in str(error)]

    assert "JOBFRAME__JOBS__A_B__TIMEOUT: means both a.b and a_b: set it in [jobs.<type>] of jobs.toml" == error


def test_an_error_never_shows_the_value():
    with pytest.raises(ConfigError) as refused:
        read(None, {"JOBFRAME__REDIS__URL": '["redis://:hunter2@host"]'})

    assert "hunter2" not in str(refused.value)


def test_an_empty_variable_counts_as_absent():
    assert 7 == read(None, {"JOBFRAME__RUNTIME__MAX_JOBS": ""}).runtime.max_jobs


def test_a_value_cannot_smuggle_in_other_keys():
    config = read(None, {"JOBFRAME__ARQ__QUEUE": '"q"\nother = 1'})

    assert '"q"\nother = 1' == config.arq.queue
