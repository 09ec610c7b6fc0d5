"""The tables whose keys are those of a policy: ``[defaults]`` and ``[jobs.*]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobframe.config.lines import KeyPath, Lines
from jobframe.config.strict import kind
from jobframe.core.errors import Problem
from jobframe.core.policy import KEYS, parse_key

__all__ = ["read_job_tables", "read_policy_table"]


def read_job_tables(tables: object, lines: Lines, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """Read every ``[jobs.<type>]``: type → `Policy` attribute → value; what is wrong goes to *problems*."""
    if not isinstance(tables, dict):
        problems.append(lines.problem(("jobs",), f"expected a table for each job type, got {kind(tables)}"))
        return {}
    found: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        if full_name := _unquoted(name, table):
            message = f'a job type\'s name with dots stands in quotes: [jobs."{full_name}"]'
            problems.append(lines.problem(("jobs", *full_name.split(".")), message))
        else:
            found[name] = read_policy_table(table, ("jobs", name), lines, problems)
    return found


def read_policy_table(table: object, path: KeyPath, lines: Lines, problems: list[Problem]) -> dict[str, Any]:
    """Read one table of policy keys: `Policy` attribute → value; what is wrong goes to *problems* and is left out."""
    if not isinstance(table, dict):
        problems.append(lines.problem(path, f"expected a table of policy keys, got {kind(table)}"))
        return {}
    parsed: dict[str, Any] = {}
    for key, value in table.items():
        try:
            attribute, parsed[attribute] = parse_key(key, value)
        except KeyError as error:
            problems.append(lines.problem((*path, key), error.args[0]))
        except ValueError as error:
            problems += [
                lines.problem((*path, *inner), message) for inner, message in _mistakes(key, value, str(error))
            ]
    return parsed


def _mistakes(key: str, value: object, message: str) -> Iterator[tuple[KeyPath, str]]:
    """Find every wrong part of a value that is a table, for its parser stops at the first."""
    if not isinstance(value, Mapping):
        yield (key,), message
        return
    told = False
    for part, part_value in value.items():
        try:
            parse_key(key, {part: part_value})
        except ValueError as error:
            if not str(error).startswith("lacks "):  # as a part by itself does
                yield (key, part), str(error).removeprefix(f"{key} {part}: ")
                told = True
    if not told:
        yield (key,), message


def _unquoted(name: str, table: object) -> str:
    """
    Return the name that was meant when nothing but tables of unknown names stand in *table*; else empty.

    The commonest slip: TOML reads ``[jobs.reembed.document]`` as a table ``document`` in a table ``reembed``.
    """
    if not isinstance(table, dict) or not table or table.keys() & KEYS.keys():
        return ""
    if not all(isinstance(inner, dict) for inner in table.values()):
        return ""
    word, inner = next(iter(table.items()))
    return _unquoted(f"{name}.{word}", inner) or f"{name}.{word}"
