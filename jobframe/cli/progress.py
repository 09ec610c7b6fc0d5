"""Progress on stderr, for a person only, and only of what takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from jobframe.core.shown import printable

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar", "progress"]

_PATIENCE_S = 1.0


class Bar(Protocol):
    """What the block tells of itself."""

    def advance(self, steps: int) -> None:
        """So many more steps are done."""

    def say(self, text: str) -> None:
        """Show *text* behind what is being done."""


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Bar]:
    """
    Show that *what* is being done until the block ends.

    Args:
        what: A few words: ``Waiting for the job``.
        total: How many steps there are; None when nobody knows.

    Yields:
        Takes how far it has come.

    """
    if not sys.stderr.isatty():
        yield _NoBar()
        return
    bar = _LateBar(what, total)
    try:
        yield bar
    finally:
        bar.close()


class _NoBar:
    """Nobody looks."""

    def advance(self, steps: int) -> None:
        pass

    def say(self, text: str) -> None:
        pass


class _LateBar:
    """A progress bar that a timer's thread shows once patience has run out; the lock guards what both threads see."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._said = ""
        self._total = total
        self._done = 0
        self._closed = False
        self._bar: Progress | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(_PATIENCE_S, self._show)
        self._timer.daemon = True
        self._timer.start()

    def advance(self, steps: int) -> None:
        with self._lock:
            self._done += steps
            self._draw()

    def say(self, text: str) -> None:
        with self._lock:
            self._said = text
            self._draw()

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._bar is not None:
                self._bar.stop()

    def _show(self) -> None:
        bar = _rich_bar(counted=self._total is not None)
        with self._lock:
            if self._closed:
                return
            self._bar = bar
            bar.add_task("", total=self._total)
            self._draw()
            bar.start()

    def _draw(self) -> None:
        if self._bar is not None:
            text = printable(f"{self._what} {self._said}".rstrip())
            self._bar.update(self._bar.task_ids[0], completed=self._done, description=text)


def _rich_bar(*, counted: bool) -> Progress:
    from rich import progress as rich_progress  # noqa: PLC0415 - most commands are over before it is needed
    from rich.console import Console  # noqa: PLC0415 - same

    columns: list[rich_progress.ProgressColumn] = [
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.description}", markup=False),
    ]
    if counted:
        columns += [rich_progress.BarColumn(bar_width=24), rich_progress.MofNCompleteColumn()]
    return rich_progress.Progress(
        *columns, rich_progress.TimeElapsedColumn(), console=Console(stderr=True), transient=True
    )
