"""What a job ended of, and the fingerprint that jobs which ended of the same share: pure text, nothing stored."""

from __future__ import annotations

import hashlib
import re

import attrs

from jobframe.core.job import JobInfo

__all__ = ["Cause", "cause", "matches", "same_for_all"]

_BY_LAST_ERROR = ("exhausted:", "fail_on:", "not in retry_on:")
"""How `decide` begins the reasons that only sum up the last error of the history."""

_LONGEST_READ = 1_000
_LONGEST_COMPARED = 200
_VARIABLE = (
    (re.compile(r"""(?<!\w)(?:'[^']*'|"[^"]*"|`[^`]*`)(?!\w)"""), "<text>"),
    (re.compile(r"(?<![^\s:,;=()<>])[^\s:,;=()<>]*(?::/|/|\\)[^\s,;()<>]*"), "<path>"),
    (re.compile(r"(?<![\w-])[\w-]*\d[\w-]*(?:[.,:+][\w-]*\d[\w-]*)*|\b[a-fA-F]{8,}\b"), "<n>"),
)
"""
What differs between two errors of one cause: quoted parts; paths and URLs; numbers, times and ids.

Each begins at the start of a word only, so that a long word without a match is not read again from its every letter.
"""


@attrs.frozen
class Cause:
    """
    What a job ended of.

    Attributes:
        error: Class of its last exception; empty when no exception ended it.
        message: Text of that exception, else the job's reason.

    """

    error: str
    message: str

    @property
    def fingerprint(self) -> str:
        """Eight hex digits, the same for every job whose class and message differ only in their values."""
        text = f"{self.error}\n{same_for_all(self.message)}"
        return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]

    def __str__(self) -> str:
        """Write it on one line."""
        return ": ".join(part for part in (self.error, self.message) if part)


def cause(info: JobInfo) -> Cause | None:
    """Return what *info*'s job ended of, or what its last attempt failed with; None when nothing went wrong."""
    if info.errors and (not info.reason or info.reason.startswith(_BY_LAST_ERROR)):
        last = info.errors[-1]
        return Cause(last.error, last.message)
    return Cause("", info.reason) if info.reason else None


def same_for_all(message: str) -> str:
    """Put placeholders for quoted parts, paths, numbers and ids of *message*, and cut it to 200 characters."""
    message = message[:_LONGEST_READ]
    for pattern, placeholder in _VARIABLE:
        message = pattern.sub(placeholder, message)
    return message[:_LONGEST_COMPARED]


def matches(info: JobInfo, text: str) -> bool:
    """
    Tell whether *text* begins the job's id or its unique part, stands in its error text, or is its fingerprint.

    The case of letters counts in ids only. The payload is never looked at.
    """
    if info.id.startswith(text) or info.id.startswith(f"{info.type}:{text}"):
        return True
    why = cause(info)
    if why is None:
        return False
    return text == why.fingerprint or text.casefold() in f"{info.reason}\n{why}".casefold()
