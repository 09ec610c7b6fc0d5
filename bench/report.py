"""
From results to the table, and the table into a page of the documentation.

A page is made once with its opening words; after that only what stands between the two marks is replaced, so that the
words around the table, and the reasons for gaps, are people's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.figure import Figure

__all__ = ["put_into", "table"]

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEAD = ("| figure | median | min … max | goal | met |", "| --- | ---: | ---: | --- | --- |")


def table(results: Mapping[str, Any], figures: Iterable[Figure]) -> str:
    """Write the table of *results*, with the machine and the day, one row for each of *figures* that was measured."""
    rows = [_row(figure, values) for figure in figures if (values := results["values"].get(figure.key))]
    kind = ", quick: the figures mean nothing" if results["quick"] else ""
    return "\n".join((f"Measured on {results['date']}{kind}: {results['machine']}.", "", *_HEAD, *rows))


def put_into(page: Path, opening: str, text: str) -> None:
    """Put *text* between the marks of *page*, which is made with its *opening* words when there is none."""
    if not page.exists():
        page.write_text(f"{opening}\n{_BEGIN}\n{_END}\n")
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{page} has no marks {_BEGIN} and {_END} for the table")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _row(figure: Figure, values: list[float]) -> str:
    middle = median(values)
    met = figure.met(middle)
    span = f"{_number(min(values))} … {_number(max(values))}" if len(values) > 1 else ""
    unit = f" {figure.unit}" if figure.unit else ""
    goal = f"{figure.goal}{unit}" if figure.goal else ""
    verdict = "" if met is None else ("yes" if met else "**no**")
    return f"| {figure.what} | {_number(middle)}{unit} | {span} | {goal} | {verdict} |"


def _number(value: float) -> str:
    """Write three digits that matter, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return re.sub(r"\.?0+$", "", f"{value:.3g}") if "." in f"{value:.3g}" else f"{value:.3g}"
