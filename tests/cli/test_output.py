"""What is printed for people, pipes and programs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from jobframe.cli.output import emit_table, rich_table
from jobframe.cli.times import ago, iso


def test_plain_columns_are_padded_and_never_cut(capsys):
    emit_table(("type", "#jobs"), [("a", "1"), ("b" * 200, "1000")], empty="none")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{'TYPE':<200}  JOBS", f"{'a':<200}     1", "b" * 200 + "  1000"]


def test_on_a_narrow_terminal_names_and_numbers_stay_whole_and_sentences_are_folded():
    name, reason = "reembed.collection", "no answer from the service within its time"
    shown = io.StringIO()
    console = Console(file=shown, width=30)
    console.print(rich_table(("type", "#completed", "reason"), [(name, "1234567", reason)]), crop=False)
    lines = shown.getvalue().splitlines()
    (first,) = (line for line in lines if name in line)
    assert "1234567" in first
    assert reason not in first
    words = " ".join(lines[lines.index(first) :]).replace(name, "").replace("1234567", "")
    assert reason == " ".join(words.split())


def test_no_rows_are_said_in_words(capsys):
    emit_table(("type",), [], empty="No job matches.")
    assert "No job matches.\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(None, "-"), (1_000_000, "now"), (820_000, "3m ago"), (1_007_500, "in 7s"), (1_000_000 - 90_000_000, "1d ago")],
)
def test_a_moment_is_told_as_distance(ms, expected):
    assert expected == ago(ms, 1_000_000)


def test_programs_get_iso_8601_in_utc():
    assert "2026-01-01T00:00:00.123Z" == iso(1_767_225_600_123)
    assert iso(None) is None
