"""The command line as a whole: help, laziness, exit codes."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from jobframe.cli.main import root, run
from jobframe.cli.table import COMMANDS


def _python(code: str, **environ: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30).stdout


def test_help_imports_neither_redis_nor_arq_nor_aiohttp_nor_rich_nor_a_plugin():
    heavy = _python(
        "import sys\n"
        "from jobframe.cli.main import run\n"
        "run(['--help'])\n"
        "heavy = ('redis', 'arq', 'aiohttp', 'rich', 'pluggy', 'tomlkit', 'jobframe_', 'jobframe.wiring')\n"
        "print('\\nHEAVY', [name for name in sys.modules if name.startswith(heavy)])"
    )
    assert "HEAVY []" == heavy.splitlines()[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_its_help_ends_with_an_example(name, capsys):
    assert 0 == run([name, "--help"])
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[-1].startswith("    jobframe "), lines
    assert any(line.strip() in ("Example:", "Examples:") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_names_each_command_as_the_command_names_itself(name):
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert name == command.name


def test_a_misspelt_command_is_answered_with_the_nearest_one(capsys):
    assert 2 == run(["stat"])
    assert "no command 'stat': did you mean 'stats'?" in capsys.readouterr().err


def test_help_of_a_command_is_what_its_own_option_shows(capsys):
    run(["help", "cancel"])
    by_help = capsys.readouterr().out
    run(["cancel", "--help"])
    assert by_help == capsys.readouterr().out


def test_help_of_a_command_that_does_not_exist_is_wrong_usage(capsys):
    assert 2 == run(["help", "cancle"])
    assert "did you mean 'cancel'?" in capsys.readouterr().err


def test_version_names_the_program(capsys):
    assert 0 == run(["--version"])
    assert capsys.readouterr().out.startswith("jobframe ")


def test_an_unknown_option_is_wrong_usage(capsys):
    assert 2 == run(["cancel", "--no-such-option"])
    assert "--no-such-option" in capsys.readouterr().err
