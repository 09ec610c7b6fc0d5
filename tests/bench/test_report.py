"""The table, and its place in a page."""

from __future__ import annotations

import pytest

from bench.figure import Figure
from bench.report import put_into, table

FIGURES = (
    Figure("a", "first", "jobs/s"),
    Figure("b", "second", goal="≥ 0.8"),
    Figure("c", "third", "ms", "≤ 3"),
    Figure("d", "not measured"),
)


def lines(**values):
    return table({"date": "2026-01-02", "machine": "a box", "quick": False, "values": values}, FIGURES).splitlines()


def test_the_table_names_machine_and_day():
    assert "Measured on 2026-01-02: a box." == lines()[0]


def test_a_row_shows_median_span_goal_and_whether_it_is_met():
    rows = lines(a=[70_123.4], b=[0.9, 0.7, 0.81], c=[3.14159])[4:]

    assert "| first | 70,123 jobs/s |  |  |  |" == rows[0]
    assert "| second | 0.81 | 0.7 … 0.9 | ≥ 0.8 | yes |" == rows[1]
    assert "| third | 3.14 ms |  | ≤ 3 ms | **no** |" == rows[2]
    assert 3 == len(rows)


def test_a_page_is_made_when_there_is_none(tmp_path):
    put_into(tmp_path / "page.md", "# Speed\n", "| table |")

    text = (tmp_path / "page.md").read_text()
    assert text.startswith("# Speed\n")
    assert "| table |" in text


def test_only_the_table_of_a_page_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    put_into(page, "# Speed\n", "old")
    page.write_text(page.read_text().replace("# Speed", "# Speed\n\nWhy it matters.") + "\nReasons.\n")

    put_into(page, "# Speed\n", "new")

    assert "# Speed\n\nWhy it matters.\n\n<!-- measured: begin -->\nnew\n<!-- measured: end -->\n\nReasons.\n" == (
        page.read_text()
    )


def test_a_page_without_a_place_for_the_table_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Mine\n")

    with pytest.raises(SystemExit, match="has no marks"):
        put_into(page, "# Speed\n", "new")

    assert "# Mine\n" == page.read_text()
