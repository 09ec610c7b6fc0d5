"""Errors become exit codes and one sentence."""

from __future__ import annotations

import click
import pytest

from jobframe.cli.failures import report
from jobframe.core.errors import (
    ConfigError,
    JobFailed,
    JobNotFound,
    PluginError,
    Problem,
    StoreFull,
    StoreUnavailable,
    UnknownJobType,
)


def _raised(error: Exception) -> Exception:
    """Give *error* the traceback of this place."""
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError(Problem("redis.url", "wrong")), 3),
        (StoreUnavailable("no server in .jobframe: start jobframe up"), 4),
        (PluginError("ingest", "broken"), 5),
        (StoreFull(), 1),
        (UnknownJobType("x"), 1),
        (JobNotFound("a:b"), 1),
        (JobFailed("a:b", "exhausted"), 1),
        (click.UsageError("wrong"), 2),
        (click.ClickException("wrong"), 1),
        (KeyboardInterrupt(), 1),
        (ValueError("anything"), 1),
    ],
)
def test_each_error_has_the_exit_code_of_the_contract(error, code):
    assert code == report(error, debug=False)


def test_an_error_is_said_without_a_traceback(capsys):
    report(JobNotFound("a:b"), debug=False)
    assert "error: no job 'a:b': it never existed, or its record is no longer kept\n" == capsys.readouterr().err


def test_every_problem_of_a_configuration_is_a_line_of_its_own(capsys):
    problems = (Problem("a", "is wrong", "jobs.toml", 3), Problem("b", "too", "jobs.toml", 9))
    report(ConfigError(*problems), debug=False)
    assert ["error: jobs.toml:3: a: is wrong", "error: jobs.toml:9: b: too"] == capsys.readouterr().err.splitlines()


def test_an_unexpected_error_shows_its_place_and_keeps_its_text_to_itself(capsys):
    report(_raised(KeyError("secret payload")), debug=False)
    text = capsys.readouterr().err
    assert "unexpected KeyError at test_failures.py:" in text
    assert "secret" not in text


def test_debug_shows_the_traceback(capsys):
    report(_raised(JobNotFound("a:b")), debug=True)
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(capsys):
    report(PermissionError(13, "Permission denied", "jobs.toml"), debug=False)
    assert "error: jobs.toml: Permission denied\n" == capsys.readouterr().err
