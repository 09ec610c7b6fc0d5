"""
What a parser takes, as a JSON Schema fixed to the parser itself, so that an editor and the reader say the same.

A schema may take more than its parser, never less: an editor must not underline what is right.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["described", "form_of", "sentences", "table", "takes"]

F = TypeVar("F", bound=Callable[..., Any])
_FORM = "json_schema"


def takes(**form: Any) -> Callable[[F], F]:
    """Fix to a parser, or to the validator of a field, what it takes: ``@takes(type="integer", minimum=1)``."""

    def fix(parser: F) -> F:
        vars(parser)[_FORM] = form
        return parser

    return fix


def form_of(parser: object) -> dict[str, Any]:
    """Return what *parser* takes; empty, so anything, when nothing was fixed to it."""
    return dict(getattr(parser, _FORM, {}))


def table(keys: Mapping[str, tuple[str, Callable[[object], Any]]], cls: type) -> dict[str, Any]:
    """
    Describe a table of just these *keys*.

    Args:
        keys: Key → the attribute of *cls* that it sets, and its parser.
        cls: Says in its docstring what each attribute is.

    """
    said = sentences(cls)
    properties = {key: described(form_of(parser), said.get(name, "")) for key, (name, parser) in keys.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def described(form: Mapping[str, Any], sentence: str) -> dict[str, Any]:
    """Add *sentence* to a form, before what it says of itself."""
    description = " ".join(part for part in (sentence, form.get("description")) if part)
    return {**form, "description": description} if description else dict(form)


def sentences(cls: type) -> dict[str, str]:
    """Take the sentence of each attribute from the ``Attributes:`` of the docstring of *cls*."""
    _, _, block = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    found = re.finditer(r"^    (\w+): (.*(?:\n {5,}.*)*)", block, re.MULTILINE)
    return {
        match[1]: re.sub(r"\*(\w+)\*", r"`\1`", " ".join(match[2].split()).replace("``", "`").replace("None", "unset"))
        for match in found
    }
