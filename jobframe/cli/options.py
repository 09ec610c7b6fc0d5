"""Options that several commands share, and how a command's example is written."""

from __future__ import annotations

import click

from jobframe.core.duration import parse_ms
from jobframe.core.rate import parse_rate

__all__ = ["as_json", "duration", "example", "matching", "rate"]

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
"""Every reading command has it; the shape stands in the command's help."""


matching = click.option(
    "--match",
    metavar="TEXT",
    help="Only jobs whose id begins with TEXT, whose error text holds it, or whose fingerprint it is.",
)
"""The same of every command that looks through jobs; payloads are never looked at."""


def duration(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check, as an option's callback, that *value* is a duration such as 30s; it is handed on as its text."""
    if value is not None:
        try:
            parse_ms(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


def rate(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check, as an option's callback, that *value* is a rate such as 100/m; it is handed on as its text."""
    if value is not None:
        try:
            parse_rate(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


def example(*lines: str) -> str:
    """Write the end of a command's help: one or more command lines to copy."""
    return "\b\nExample" + ("s" if len(lines) > 1 else "") + ":\n" + "\n".join(f"  {line}" for line in lines)
