"""Where in its file a value stands: a walk over tomlkit's document that counts line ends."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping

import attrs
import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, InlineTable, Table

from jobframe.core.errors import Problem

__all__ = ["KeyPath", "Lines", "dotted", "find_lines", "in_file_order"]

KeyPath = tuple[str | int, ...]
"""The keys that lead to a value, and the numbers of list items: ``("jobs", "reembed.document", "timeout")``."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@attrs.frozen
class Lines:
    """
    The places of the values of one file.

    Attributes:
        file: Its name as people know it; empty when there is none.
        numbers: Line of every key in it, from 1.
        variables: The environment variable of every key that was set by one.

    """

    file: str = ""
    numbers: Mapping[KeyPath, int] = attrs.field(factory=dict, repr=False)
    variables: Mapping[KeyPath, str] = attrs.field(factory=dict, repr=False)

    def of(self, path: KeyPath) -> int:
        """Return the line of the value at *path*, or of the nearest table around it; 0 when neither is in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.numbers:
                return self.numbers[path[:length]]
        return 0

    def where(self, path: KeyPath) -> str:
        """Return ``file:line`` of the value at *path*, or as much of it as is known; or its variable."""
        if variable := self._variable(path):
            return variable
        line = self.of(path)
        return f"{self.file}:{line}" if line else self.file

    def problem(self, path: KeyPath, message: str, code: str = "") -> Problem:
        """Say *message* about the value at *path* of this file, or of the variable that set it; *code* may be given."""
        variable = self._variable(path)
        place = (variable, 0) if variable else (self.file, self.of(path))
        found = Problem(dotted(path), message, *place)
        return attrs.evolve(found, code=code) if code else found

    def names(self, path: KeyPath) -> bool:
        """Tell whether the file or a variable sets the value at *path*."""
        return path in self.numbers or path in self.variables

    def _variable(self, path: KeyPath) -> str:
        lengths = range(len(path), 0, -1)
        return next((self.variables[path[:length]] for length in lengths if path[:length] in self.variables), "")


def find_lines(text: str) -> dict[KeyPath, int]:
    """
    Return the line, from 1, of every key of a TOML document; of a table, that of its first mention.

    Empty when tomlkit cannot show the document as it was written: no line is better than a wrong one.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError:
        return {}
    if document.as_string() != text:
        return {}
    found: dict[KeyPath, int] = {}
    for path, line in _walk(document, (), 1):
        found.setdefault(path, line)
    return found


def dotted(path: Iterable[str | int]) -> str:
    """Write *path* as TOML would: ``jobs."reembed.document".retry_on[0]``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _BARE_KEY.fullmatch(key) else f'"{key}"')
    return text


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort *problems* by line; those without a line come last."""
    return tuple(sorted(problems, key=lambda problem: (problem.line == 0, problem.line)))


_Walk = Generator[tuple[KeyPath, int], None, int]
"""Yields every key with its line; returns the line after the last one."""


def _walk(container: Container, above: KeyPath, line: int) -> _Walk:
    for key, item in container.body:
        if key is None:  # blank lines and comments
            line += item.as_string().count("\n")
            continue
        path = (*above, key.key)
        if isinstance(item, AoT):
            yield path, line
            for index, table in enumerate(item.body):
                line = yield from _walk_table(table, (*path, index), line)
        elif isinstance(item, Table):
            line = yield from _walk_table(item, path, line)
        else:
            yield path, line
            if isinstance(item, InlineTable):
                yield from _walk(item.value, path, line)
            line += _line_ends(item.trivia.indent, item.as_string(), item.trivia.comment, item.trivia.trail)
    return line


def _walk_table(table: Table, path: KeyPath, line: int) -> _Walk:
    trivia = table.trivia
    has_header = table.is_aot_element() or table.display_name is not None
    line += _line_ends(trivia.indent) if has_header else 0
    yield path, line
    line += _line_ends(trivia.comment, trivia.trail) if has_header else 0
    return (yield from _walk(table.value, path, line))


def _line_ends(*texts: str) -> int:
    return sum(text.count("\n") for text in texts)
