"""What jobs.toml and the environment may say, and how their mistakes are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobframe.config.reader import examine, read
from jobframe.config.schema import Config, PluginsConfig, RedisConfig, RuntimeConfig, StatusConfig
from jobframe.core.backoff import Backoff
from jobframe.core.errors import ConfigError
from jobframe.core.keyring import written

DURATION = 'expected a duration such as "250ms", "30s", "5m", "2h" or "7d"'


def problems_of(environ=None):
    """The lines of the error that ./jobs.toml gives."""
    with pytest.raises(ConfigError) as raised:
        read(None, environ or {})
    return str(raised.value).splitlines()


def test_without_a_file_everything_has_its_documented_default():
    config = read(None, {})

    assert config == Config()
    assert config.path is None
    assert 0 == config.edited_ms
    assert RedisConfig(url=None, namespace="default") == config.redis
    assert (
        RuntimeConfig(
            processes=1,
            max_jobs=100,
            grace_ms=25_000,
            lease_ms=12_000,
            threads=32,
            children=os.cpu_count() or 1,
            durability="aof",
            policy="apply",
        )
        == config.runtime
    )
    assert StatusConfig(host="127.0.0.1", port=8787) == config.status
    assert "arq:queue" == config.arq.queue
    assert ("console", "INFO") == (config.logging.format, config.logging.level)
    assert PluginsConfig(allow=None, disable=()) == config.plugins


def test_every_table_is_read(write):
    path = write("""
        [redis]
        url = "redis://localhost:6379/0"
        namespace = "shop"
        [runtime]
        processes = 2
        max_jobs = 7
        grace = "1m"
        lease = "6s"
        threads = 3
        children = 4
        durability = "best-effort"
        policy = "follow"
        [defaults]
        timeout = "2m"
        backoff = "none"
        [jobs."reembed.document"]
        concurrency = 4
        retry_on = ["TimeoutError"]
        [status]
        host = "::"
        port = 0
        [arq]
        queue = ""
        [logging]
        format = "json"
        level = "DEBUG"
        [plugins]
        allow = ["jobframe-ingest", "jobframe-reembed>=1"]
        disable = ["sync"]
        [settings.ingest]
        corpus = "sqlite:///x"
        """)

    config = read(None, {})

    assert RedisConfig("redis://localhost:6379/0", "shop") == config.redis
    assert RuntimeConfig(2, 7, 60_000, 6_000, 3, 4, "best-effort", "follow") == config.runtime
    assert {"timeout_ms": 120_000, "backoff": Backoff("none")} == config.defaults
    assert {"reembed.document": {"concurrency": 4, "retry_on": ("TimeoutError",)}} == config.jobs
    assert StatusConfig("::", 0) == config.status
    assert "" == config.arq.queue
    assert ("json", "DEBUG") == (config.logging.format, config.logging.level)
    assert PluginsConfig(("jobframe-ingest", "jobframe-reembed>=1"), ("sync",)) == config.plugins
    assert {"ingest": {"corpus": "sqlite:///x"}} == config.settings
    assert Path("jobs.toml") == config.path
    assert path.stat().st_mtime_ns // 1_000_000 == config.edited_ms


def test_all_mistakes_are_told_at_once_with_file_line_path_and_the_nearest_name(write):
    write("""\
[redis]
namspace = "x"
url = 5
[runtime]
processes = true
max_jobs = "12"
threads = 1.5
grace = 25
lease = "1s"
durability = "replica"
[defaults]
max_retires = 3
timeout = "5 minutes"
backoff = { strategy = "exponental", bse = "1s", factor = "2" }
[jobs."reembed.document"]
concurrency = true
max_retries = "12"
[jobs."reembed.document".backoff]
cap = 3
[status]
port = 70000
[logging]
level = "info"
[pluggins]
""")

    assert [
        "jobs.toml:2: redis.namspace: unknown key 'namspace': did you mean 'namespace'?",
        "jobs.toml:3: redis.url: expected text, got a whole number",
        "jobs.toml:5: runtime.processes: expected a whole number, got true or false",
        "jobs.toml:6: runtime.max_jobs: expected a whole number, got text",
        "jobs.toml:7: runtime.threads: expected a whole number, got a number",
        f"jobs.toml:8: runtime.grace: {DURATION}, got 25",
        "jobs.toml:9: runtime.lease: expected a duration from 3s to 10m, got 1s",
        "jobs.toml:10: runtime.durability: expected one of best-effort, aof, replicated",
        "jobs.toml:12: defaults.max_retires: unknown key 'max_retires': did you mean 'max_retries'?",
        f"jobs.toml:13: defaults.timeout: {DURATION}, got '5 minutes'",
        "jobs.toml:14: defaults.backoff.strategy: expected one of none, fixed, linear, exponential, got 'exponental'",
        "jobs.toml:14: defaults.backoff.bse: unknown key 'bse' of backoff: did you mean 'base'?",
        "jobs.toml:14: defaults.backoff.factor: expected a number from 1 to 100, got '2'",
        'jobs.toml:16: jobs."reembed.document".concurrency: expected a whole number from 1 to 1000000, got true',
        "jobs.toml:17: jobs.\"reembed.document\".max_retries: expected a whole number from 0 to 10000, got '12'",
        f'jobs.toml:19: jobs."reembed.document".backoff.cap: {DURATION}, got 3',
        "jobs.toml:21: status.port: expected a whole number from 0 to 65535, got 70000",
        "jobs.toml:23: logging.level: expected one of DEBUG, INFO, WARNING, ERROR",
        "jobs.toml:24: pluggins: unknown table 'pluggins': did you mean 'plugins'?",
    ] == problems_of()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis = 'redis://:secret@host'", "jobs.toml:1: redis: expected a table, got text"),
        ("defaults = 3", "jobs.toml:1: defaults: expected a table of policy keys, got a whole number"),
        ("jobs = []", "jobs.toml:1: jobs: expected a table for each job type, got a list"),
        ("[jobs]\na = 1", "jobs.toml:2: jobs.a: expected a table of policy keys, got a whole number"),
        ("settings = 1979-05-27", "jobs.toml:1: settings: expected a table for each plugin, got a date or time"),
        ("[settings]\ningest = 'x'", "jobs.toml:2: settings.ingest: expected a table, got text"),
        ("[plugins]\nallow = 'a'", "jobs.toml:2: plugins.allow: expected a list, got text"),
        ("[plugins]\nallow = [1]", "jobs.toml:2: plugins.allow[0]: expected text, got a whole number"),
        (
            "[redis]\nurl = ''",
            "jobs.toml:2: redis.url: expected some text, got an empty one: leave the key out instead",
        ),
        (
            "[redis]\nnamespace = 'a{b'",
            "jobs.toml:2: redis.namespace: expected 1 to 64 letters, digits, '_', '.' or '-'",
        ),
    ],
)
def test_a_value_of_the_wrong_shape_is_told(write, text, problem):
    write(text)

    assert [problem] == problems_of()


@pytest.mark.parametrize("entry", ["a b", "x[y]", "x @ https://h/x.whl", "x; python_version > '3'", ""])
def test_only_names_and_versions_of_distributions_may_be_allowed(write, entry):
    write(f'[plugins]\nallow = ["jobframe-ingest", "{entry}"]')

    expected = f'expected distributions, each perhaps with versions, as "jobframe-reembed>=1"; got {entry!r}'
    assert [f"jobs.toml:2: plugins.allow: {expected}"] == problems_of()


@pytest.mark.parametrize(("header", "meant"), [("reembed.document", "reembed.document"), ("a.b.c", "a.b.c")])
def test_a_type_written_without_quotes_is_explained(write, header, meant):
    write(f"[jobs.{header}]\nconcurrency = 1")

    assert [
        f'jobs.toml:1: jobs.{meant}: a job type\'s name with dots stands in quotes: [jobs."{meant}"]'
    ] == problems_of()


def test_a_file_that_is_no_toml_is_told_with_its_line(write):
    write("[redis]\nnamespace = \n")

    assert ["jobs.toml:2: is no TOML: Invalid value at column 13"] == problems_of()


def test_a_file_that_is_no_text_is_told_with_its_line(write):
    write("").write_bytes(b"# fine\nx = '\xff'\n")

    assert ["jobs.toml:2: is not UTF-8 text"] == problems_of()


def test_a_byte_order_mark_does_no_harm(write):
    write("").write_bytes(b"\xef\xbb\xbf[runtime]\r\nthreads = 2\r\n")

    assert 2 == read(None, {}).runtime.threads


def test_a_folder_in_place_of_the_file_is_told(folder):
    (folder / "jobs.toml").mkdir()

    assert ["jobs.toml: cannot be read: Is a directory"] == problems_of()


def test_a_missing_file_that_was_asked_for_is_told(folder):
    with pytest.raises(ConfigError, match=r"other\.toml: there is no such file: check --config and JOBFRAME_CONFIG"):
        read("other.toml", {})


def test_the_environment_names_the_file(folder):
    (folder / "other.toml").write_text("[runtime]\nthreads = 2")

    assert 2 == read(None, {"JOBFRAME_CONFIG": "other.toml"}).runtime.threads


def test_a_missing_file_named_by_the_environment_is_told():
    assert [
        "other.toml: there is no such file: check --config and JOBFRAME_CONFIG, or let `jobframe init` write one"
    ] == problems_of({"JOBFRAME_CONFIG": "other.toml"})


def test_a_path_given_by_the_caller_is_stronger_than_the_environment(write):
    path = write("[runtime]\nthreads = 2")

    assert 2 == read(path, {"JOBFRAME_CONFIG": "other.toml"}).runtime.threads


def test_the_environment_names_the_server_and_is_stronger_than_the_file(write):
    write('[redis]\nurl = "redis://file"')

    assert "redis://environment" == read(None, {"JOBFRAME_REDIS_URL": "redis://environment"}).redis.url
    assert "redis://file" == read(None, {"JOBFRAME_REDIS_URL": ""}).redis.url


def test_mistakes_of_the_environment_name_the_variable_and_come_with_those_of_the_file(write):
    write("[runtime]\nthreads = 0")

    assert [
        "jobs.toml:2: runtime.threads: expected a whole number from 1 to 1000, got 0",
        "QUEUE_BACKOFF_STRATEGY: expected one of none, fixed, linear, exponential, got 'quadratic'",
        "QUEUE_MAX_RETRIES: expected a whole number from 0 to 10000, got 'many'",
    ] == problems_of({"QUEUE_MAX_RETRIES": "many", "QUEUE_BACKOFF_STRATEGY": "quadratic"})


@pytest.mark.parametrize("text", ["-1", "10001", "1.5", "0x10", "1_000", " 3", "٣"])
def test_retries_in_the_environment_are_a_whole_number_in_range(text):
    (problem,) = problems_of({"QUEUE_MAX_RETRIES": text})

    assert problem.startswith("QUEUE_MAX_RETRIES: expected a whole number from 0 to 10000, got ")


def test_mistakes_of_the_environment_come_with_a_broken_file(write):
    write("x")

    assert [
        "jobs.toml",
        "QUEUE_MAX_RETRIES",
    ] == [line.split(":")[0] for line in problems_of({"QUEUE_MAX_RETRIES": "many"})]


@pytest.mark.parametrize(
    "text",
    [
        '[redis]\nurl = "redis://:hunter2@host"\nnamespace = "a b"',
        '[redis]\nurl = ["redis://:hunter2@host"]',
        'redis = "redis://:hunter2@host"',
        '[redis]\nurl = "redis://:hunter2@host',
        '[redis]\nurll = "redis://:hunter2@host"',
    ],
)
def test_no_error_shows_the_password_of_the_server(write, text):
    write(text)

    problems = problems_of()

    assert problems
    assert "hunter2" not in str(problems)


KEY = written("k1", b"1" * 32)


def test_keys_come_from_the_variable_that_the_file_names(write):
    assert ["k1"] == list(read(None, {"JOBFRAME_KEYS": KEY}).keyring.keys)
    write('[encryption]\nkeys_env = "ACME_KEYS"')

    assert b"1" * 32 == read(None, {"ACME_KEYS": KEY, "JOBFRAME_KEYS": "none"}).keyring.keys["k1"]
    assert read(None, {}).keyring.active is None


def test_what_is_no_key_is_told_by_its_variable_and_never_shown():
    (problem,) = problems_of({"JOBFRAME_KEYS": f"{KEY},k2:{KEY}"})

    assert problem.startswith("JOBFRAME_KEYS: key 2 is not written as ID:KEY")
    assert KEY[-20:] not in problem


@pytest.mark.parametrize("value", [KEY, "", "a b", "9LIVES"])
def test_a_key_in_the_place_of_its_variable_is_refused_and_not_shown(write, value):
    write(f'[encryption]\nkeys_env = "{value}"')
    (problem,) = problems_of()

    message = "expected the name of an environment variable; keys themselves never stand in this file"
    assert f"jobs.toml:2: encryption.keys_env: {message}" == problem


def test_the_keys_are_not_in_the_text_of_the_configuration():
    shown = repr(read(None, {"JOBFRAME_KEYS": KEY}))

    assert "k1" in shown
    assert KEY[3:20] not in shown
    assert repr(b"1" * 32) not in shown


def test_the_password_of_the_server_is_not_in_the_text_of_the_configuration(write):
    write('[redis]\nurl = "redis://:hunter2@host"\n[settings.x]\nkey = "hunter2"')

    config = read(None, {"JOBFRAME_REDIS_URL": "redis://:hunter2@host"})

    assert "redis://:hunter2@host" == config.redis.url
    assert "hunter2" not in repr(config)


def test_what_is_right_can_still_be_checked_when_something_is_wrong(write):
    write('[jobs."a.b"]\ntimeout = "1m"\nmax_retries = "x"\n[runtime]\nthreads = 0')

    config, problems = examine(None, {})

    assert [3, 5] == [problem.line for problem in problems]
    assert {"a.b": {"timeout_ms": 60_000}} == config.jobs


@pytest.mark.parametrize("table", ["[plugins]\nalow = []", "[plugin]\nallow = []", "plugins = 1\n[jobs]"])
def test_nothing_more_is_checked_when_it_is_not_known_what_may_be_imported(write, table):
    write(f"{table}\n[runtime]\nthreads = 0")

    with pytest.raises(ConfigError) as raised:
        examine(None, {})

    assert 2 == len(raised.value.problems)
    assert 4 == raised.value.problems[1].line


def test_resources_are_whole_numbers_by_name(write):
    write("[resources]\ngpu = 2\nlicence-a = 5")

    assert {"gpu": 2, "licence-a": 7} == read(None, {"JOBFRAME__RESOURCES__LICENCE_A": "7"}).resources


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("resources = 3", "jobs.toml:1: resources: expected a table of whole numbers, got a whole number"),
        ("[resources]\ngpu = 0", "jobs.toml:2: resources.gpu: expected a whole number from 1 to 1000000, got 0"),
        ("[resources]\ngpu = true", "jobs.toml:2: resources.gpu: expected a whole number, got true or false"),
        ('[resources]\ngpu = "2"', "jobs.toml:2: resources.gpu: expected a whole number, got text"),
    ],
)
def test_anything_else_in_resources_is_refused(write, text, problem):
    write(text)

    assert [problem] == problems_of()


def test_a_resource_has_a_plain_name(write):
    write('[resources]\n"GPU 1" = 2')

    assert problems_of()[0].startswith('jobs.toml:2: resources."GPU 1": the name of a resource is a letter')


def test_every_wrong_part_of_a_group_is_told_and_a_missing_one(write):
    write("[defaults]\ngroup = { by = 3, concurrency = 0 }\n[jobs.a]\ngroup = { by = 'x' }")

    assert [
        "jobs.toml:2: defaults.group.by: expected the name of a field of the payload, got 3",
        "jobs.toml:2: defaults.group.concurrency: expected a whole number from 1 to 1000000, got 0",
        'jobs.toml:4: jobs.a.group: lacks concurrency: write it as { by = "tenant", concurrency = 2 }',
    ] == problems_of()
