"""
Any key of jobs.toml from the environment: ``JOBFRAME__RUNTIME__MAX_JOBS=50``.

Words are joined by two underscores, in capitals or not; a dot or a dash in a name becomes one underscore. A value is
written as in TOML, and what is no TOML is a text as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import tomli

from jobframe.config.essentials import PREFIX
from jobframe.config.lines import KeyPath, Lines
from jobframe.config.policies import read_policy_table
from jobframe.core.errors import Problem
from jobframe.core.policy import nearest

__all__ = ["Given", "lay_over", "read_policies", "word"]

_POLICIES = ("defaults", "jobs")


@attrs.frozen
class Given:
    """
    A value of a policy from the environment.

    Attributes:
        value: For the `Policy` attribute.
        variable: Where it was given.

    """

    value: Any
    variable: str


def word(name: str) -> str:
    """Write a name as a part of a variable: ``reembed.document`` → ``REEMBED_DOCUMENT``."""
    return re.sub(r"[.-]", "_", name).upper()


def lay_over(
    tables: Mapping[str, Any], environ: Mapping[str, str], known: Iterable[str], problems: list[Problem]
) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    """
    Put what *environ* says over the *tables* of the file, except for policies.

    Args:
        tables: The file's tables as written.
        environ: The environment.
        known: Names of all tables.
        problems: Takes what is wrong with a variable itself.

    Returns:
        The tables, and for each value that was put there the name of its variable.

    """
    names = list(known)
    laid: dict[str, Any] = dict(tables)
    places: dict[KeyPath, str] = {}
    for variable, words in _variables(environ, problems):
        table = words[0].lower()
        if table not in names:
            problems.append(Problem("", f"unknown table {table!r}{nearest(table, names)}", variable))
        elif len(words) < 2 or not all(words):  # noqa: PLR2004 - a table and a key
            problems.append(Problem("", f"name a key of {table}: {PREFIX}{word(table)}__KEY", variable))
        elif table not in _POLICIES:
            places[_put(laid, words, _value(environ[variable]))] = variable
    return laid, places


def read_policies(
    environ: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, Given], dict[str, dict[str, Given]]]:
    """
    Return what *environ* says of every type, and of each: by the word of its name, `Policy` attribute → value.

    A type's real name is known only once the plugins are loaded.
    """
    tables: dict[KeyPath, dict[str, Any]] = {}
    places: dict[KeyPath, str] = {}
    for variable, words in _variables(environ, []):  # what is wrong with the variables was told when laid over
        above = _table_of(words)
        if above and len(words) > len(above):
            keys = [key.lower() for key in words[len(above) :]]
            places[(*above, *_put(tables.setdefault(above, {}), keys, _value(environ[variable])))] = variable
        elif above:
            problems.append(Problem("", f"name a key: {PREFIX}{'__'.join(words)}__MAX_RETRIES", variable))
    found: dict[KeyPath, dict[str, Given]] = {}
    for path, table in tables.items():
        parsed = read_policy_table(table, path, Lines(variables=places), problems)
        found[path] = {name: Given(value, _variable_of(path, name, places)) for name, value in parsed.items()}
    return found.pop(("defaults",), {}), {str(path[-1]): given for path, given in found.items()}


def _variables(environ: Mapping[str, str], problems: list[Problem]) -> list[tuple[str, list[str]]]:
    """Return each variable that is ours and not empty, with its words in capitals; in the order of their names."""
    ours = sorted(name for name, text in environ.items() if name.upper().startswith(PREFIX) and text)
    first: dict[str, str] = {}
    problems += [
        Problem("", f"says the same key as {first[name.upper()]}: leave one of them out", name)
        for name in ours
        if first.setdefault(name.upper(), name) != name
    ]
    return [(name, word.removeprefix(PREFIX).split("__")) for word, name in first.items()]


def _table_of(words: list[str]) -> KeyPath:
    match words:
        case ["DEFAULTS", *_]:
            return ("defaults",)
        case ["JOBS", name, *_]:
            return ("jobs", name)
    return ()


def _put(table: dict[str, Any], words: Iterable[str], value: Any) -> KeyPath:
    """Set *value* in nested tables, none of which is changed in place but the first; return its path."""
    *above, last = words
    path: list[str] = []
    for name in above:
        key = _key(table, name)
        inner = table.get(key)
        table[key] = dict(inner) if isinstance(inner, Mapping) else {}
        table = table[key]
        path.append(key)
    key = _key(table, last)
    table[key] = value
    return (*path, key)


def _key(table: Mapping[str, Any], name: str) -> str:
    """Return the key of *table* that the variable means by *name*; a new one is written in small letters."""
    return next((key for key in table if word(key) == name.upper()), name.lower())


def _value(text: str) -> Any:
    try:
        read = tomli.loads(f"value = {text}")
    except tomli.TOMLDecodeError:
        return text
    return read["value"] if read.keys() == {"value"} else text


def _variable_of(path: KeyPath, attribute: str, places: Mapping[KeyPath, str]) -> str:
    """Name the variable of a key, the first of them when several give parts of it."""
    key = attribute.removesuffix("_ms")
    return next(variable for place, variable in sorted(places.items()) if place[: len(path) + 1] == (*path, key))
