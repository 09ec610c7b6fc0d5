"""Reads the Lua scripts and runs them by their hash; a server that forgot one is told it again."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import attrs

__all__ = ["Script", "script"]

_REFUSED_WHEN_FULL = frozenset({"enqueue"})
"""Everything else must go on when memory is full, or nothing could drain."""

_ONLY_READS = frozenset({"explain"})
"""The server itself refuses any write of these, and takes them when memory is full."""

_ALSO_NEEDS = {"announce": "in_force.lua", "apply": "in_force.lua"}
"""What only some scripts share."""


@attrs.frozen
class Script:
    """
    One script, ready to send.

    Attributes:
        name: File name without its ending.
        text: The whole source: flags, the shared part, its own.
        sha: SHA-1 of the text, by which the server knows it.

    """

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Read ``lua/<name>.lua`` with the shared parts before it."""
    folder = resources.files("jobframe.store") / "lua"
    files = filter(None, ("shared.lua", _ALSO_NEEDS.get(name), f"{name}.lua"))
    text = "\n".join([f"#!lua{_flags(name)}", *((folder / file).read_text() for file in files)])
    return Script(name, text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 - the server's own naming


def _flags(name: str) -> str:
    if name in _ONLY_READS:
        return " flags=no-writes"
    return "" if name in _REFUSED_WHEN_FULL else " flags=allow-oom"
