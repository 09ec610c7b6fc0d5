"""Reads the Lua scripts and runs them by their hash; a server that forgot one is told it again."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import attrs

__all__ = ["Script", "script"]

_REFUSED_WHEN_FULL = frozenset({"enqueue", "fire_schedule"})
"""Everything else must go on when memory is full, or nothing could drain."""

_ONLY_READS = frozenset({"explain", "rights", "schedules"})
"""The server itself refuses any write of these, and takes them when memory is full."""

_ALSO_NEEDS: dict[str, tuple[str, ...]] = {
    "announce": ("groups", "in_force"),
    "apply": ("groups", "in_force"),
    "bridge_report": ("ends",),
    "cancel": ("exclusion", "ends", "groups"),
    "claim": ("exclusion", "ends", "groups", "turns"),
    "doctor": ("exclusion", "ends", "groups", "take_back"),
    "enqueue": ("calls", "exclusion", "notes", "groups", "replace", "put", "types", "set_back"),
    "explain": ("exclusion", "groups", "read_workers"),
    "fire_schedule": ("exclusion", "notes", "groups", "replace", "put"),
    "leave": ("exclusion", "ends", "groups", "take_back"),
    "list_jobs": ("types",),
    "progress": ("notes",),
    "purge": ("exclusion", "ends", "groups"),
    "retry": ("exclusion",),
    "settle": ("calls", "exclusion", "notes", "groups", "replace", "put", "ends", "needs"),
    "snapshot": ("types", "read_workers"),
    "steps": ("notes",),
    "sweep": ("exclusion", "ends", "groups", "take_back", "types", "set_back"),
    "trim": ("ends",),
    "unpark": ("needs",),
}
"""What only some scripts share: the files that stand before a script, after ``shared.lua``."""


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
    files = ("shared", *_ALSO_NEEDS.get(name, ()), name)
    text = "\n".join([f"#!lua{_flags(name)}", *((folder / f"{file}.lua").read_text() for file in files)])
    return Script(name, text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 - the server's own naming


def _flags(name: str) -> str:
    if name in _ONLY_READS:
        return " flags=no-writes"
    return "" if name in _REFUSED_WHEN_FULL else " flags=allow-oom"
