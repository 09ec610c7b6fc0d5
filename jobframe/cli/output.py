"""What goes to stdout: a table for people, plain columns for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from jobframe.core.shown import printable

__all__ = ["emit_json", "emit_table", "is_terminal"]

_COLOURS = {
    "active": "cyan", "completed": "green", "loaded": "green", "alive": "green", "delayed": "blue",
    "failed": "red", "stale": "red", "parked": "yellow", "paused": "yellow", "disabled": "yellow",
    "incompatible": "red", "cancelled": "dim",
}  # fmt: skip

_LONGEST_WORD = 40
"""An id or a name of this length is not broken, however narrow the terminal."""


def is_terminal() -> bool:
    """Tell whether a person reads stdout."""
    return sys.stdout.isatty()


def emit_json(document: Any, *, one_line: bool = False) -> None:
    """Print *document*, indented unless it is one of a stream."""
    click.echo(json.dumps(document, indent=None if one_line else 2, ensure_ascii=False))


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """
    Print *rows* under *columns*.

    Args:
        columns: Headings; one that begins with ``#`` stands for numbers, which are aligned to the right.
        rows: The cells, as text.
        empty: What to say when there are no rows.

    """
    if not rows:
        click.echo(empty)
    elif is_terminal():
        _emit_rich(columns, rows)
    else:
        for line in _plain_lines(columns, [[printable(cell) for cell in row] for row in rows]):
            click.echo(line)


def _plain_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad every cell to its column, two blanks between columns, nothing cut off."""
    headings = [column.removeprefix("#").upper() for column in columns]
    widths = [max(map(len, cells)) for cells in zip(headings, *rows, strict=True)]
    numeric = [column.startswith("#") for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in (headings, *rows)
    ]


def _emit_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - 60 ms that pipes need not pay

    Console().print(rich_table(columns, rows), crop=False)


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """Build the table that a terminal is shown: cells are folded between words, and a long row goes on below."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - see _emit_rich
    from rich.table import Table  # noqa: PLC0415 - see _emit_rich
    from rich.text import Text  # noqa: PLC0415 - see _emit_rich

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column, *cells in zip(columns, *rows, strict=True):
        heading = column.removeprefix("#")
        longest = max(len(word) for text in (heading, *cells) for word in text.split() or [""])
        right = column.startswith("#")
        table.add_column(
            heading, justify="right" if right else "left", overflow="fold", min_width=min(longest, _LONGEST_WORD)
        )
    for row in rows:
        table.add_row(*(Text(printable(cell), style=_COLOURS.get(cell, "")) for cell in row))
    return table
