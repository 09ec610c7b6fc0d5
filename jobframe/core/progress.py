"""How far a job has come, as its handler says."""

from __future__ import annotations

import attrs

from jobframe.core.scrub import scrub
from jobframe.core.shown import shown

__all__ = ["LONGEST_NOTE", "Progress"]

LONGEST_NOTE = 200
_MOST = 2**53
"""Above it readers of JSON lose whole numbers."""

Number = int | float


@attrs.frozen
class Progress:
    """
    One report.

    Attributes:
        done: Steps done, in whatever the handler counts.
        total: Steps in all; None when nobody knows.
        note: A few words for operators, on one line, at most 200 characters once it is scrubbed.
        at_ms: When the store noted it, server clock; None before.

    """

    done: Number
    total: Number | None = None
    note: str = ""
    at_ms: int | None = None

    @classmethod
    def reported(cls, done: Number, total: Number | None, note: str) -> Progress:
        """
        Check what a handler reports.

        Raises:
            ValueError: *done* or *total* is no number from 0 to 2**53, *total* is below *done*, or *note* is no text.

        """
        done, total = _number("done", done), None if total is None else _number("total", total)
        if total is not None and total < done:
            raise ValueError(f"progress: {shown(done)} done of {shown(total)}: raise the total, or leave it out")
        if not isinstance(note, str):
            raise ValueError(f"progress: note is of class {type(note).__name__}: give a text")  # noqa: TRY004 - as above
        return cls(done, total, note)

    def scrubbed(self, body: bytes, secret: bytes = b"") -> Progress:
        """Mask in the note what stands in the JSON *body* and in *secret*, as `scrub` does, and shorten it."""
        note = scrub(self.note, body, secret)
        return attrs.evolve(self, note=note if len(note) <= LONGEST_NOTE else f"{note[: LONGEST_NOTE - 1]}…")

    def __str__(self) -> str:
        """``40/100 pages read``."""
        of_total = "" if self.total is None else f"/{self.total:.15g}"
        return f"{self.done:.15g}{of_total} {self.note}".rstrip()


def _number(name: str, value: Number) -> Number:
    """Check a number; one of a class of its own, such as NumPy's, becomes a plain one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise ValueError(f"progress: {name} is {shown(value)}: give a number from 0 to 2**53")
    return int(value) if isinstance(value, int) else float(value)
