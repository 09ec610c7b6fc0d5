"""
``jobframe up --once``: the whole way of a document, told in numbers, on a copy of the sources.

Sync, sync again, ask, change one document, sync, ask again. A second run finds the copy as the first one left it, so it
embeds nothing until it changes the document once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jobframe
from jobframe.cli.beside import counts_line, say
from jobframe.core import clock
from jobframe.core.errors import JobframeError

__all__ = ["FOLDER", "Demo"]

FOLDER = Path(".jobframe/once")
"""Where the copies are, with a corpus and, without a URL, a server of their own."""

_SYNC = "sync.source"
_EMBED = "reembed.document"
_PATIENCE_S = 240.0
_LOOK_S = 0.2
_HEADING = "## Notice of the day"


class _Notice(NamedTuple):
    """A piece of text to put into a document, and a question that it answers in other words."""

    text: str
    question: str


_NOTICES = (
    _Notice(
        "The seal boat sails on Saturdays at noon: an hour out to the rocks where grey seals lie with their pups.",
        "a trip to watch the seals",
    ),
    _Notice(
        "On Thursdays the telescope on the roof is open to all: Saturn's rings, the moon, and cocoa under the stars.",
        "looking at stars and planets through a telescope",
    ),
)


class Demo:
    """One telling, in the thread beside the worker."""

    def __init__(self, jobs: jobframe.SyncJobs, ended: threading.Event, folders: Mapping[str, Path]) -> None:
        """
        Prepare.

        Args:
            jobs: The client.
            ended: Set when the worker has ended.
            folders: Source → its folder.

        """
        self._jobs = jobs
        self._ended = ended
        self._folders = folders
        self._counted = set(self._ids(_EMBED, "completed"))
        self._failed_before = set(self._ids(None, "failed"))

    def tell(self, search: Callable[[str], None]) -> None:
        """
        Tell it all.

        Args:
            search: Prints what a question finds.

        Raises:
            JobframeError: A job failed, or the worker ended before the story did.

        """
        self._sync("first sync")
        self._sync("no change")
        document = self._document()
        notice = _next_notice(document.read_text(encoding="utf-8"))
        say("search", f"{notice.question!r} before the change")
        search(notice.question)
        _put(document, notice)
        say("change", f"the copy of {document} has a new notice of the day")
        self._sync("one change")
        say("search", f"{notice.question!r} after the change")
        search(notice.question)
        say("counts", ", ".join(f"{state} {count}" for state, count in self._jobs.counts().items()))

    def _sync(self, title: str) -> None:
        """Sync every source, wait until all that follows has ended, and tell what was embedded."""
        deadline = clock.monotonic() + _PATIENCE_S
        for name in self._folders:
            counts = self._jobs.enqueue(_SYNC, {"source": name}, key=name).result(timeout=_PATIENCE_S)
            say("sync", f"{title}: source {name}: {counts_line(counts)}")
        while self._busy():
            if self._ended.wait(_LOOK_S):
                raise JobframeError("the worker ended before the sources were synced")
            if clock.monotonic() > deadline:
                raise JobframeError(f"the jobs did not end within {_PATIENCE_S:g} s: jobframe stats shows what they do")
        self._refuse_failures()
        embedded = self._newly_embedded()
        say("embedded", f"{embedded} chunk{'' if embedded == 1 else 's'}")

    def _busy(self) -> bool:
        counts = self._jobs.counts()
        return any(counts[state] for state in ("active", "waiting", "delayed"))

    def _newly_embedded(self) -> int:
        new = set(self._ids(_EMBED, "completed")) - self._counted
        self._counted |= new
        return sum(self._jobs.job(job_id).result(timeout=_PATIENCE_S)["embedded"] for job_id in new)

    def _refuse_failures(self) -> None:
        failed = set(self._ids(None, "failed")) - self._failed_before
        if failed:
            reasons = [f"{job_id}: {self._jobs.job(job_id).info().reason}" for job_id in sorted(failed)]
            raise JobframeError("\n".join(reasons))

    def _ids(self, type: str | None, state: str) -> Iterator[str]:
        cursor = None
        while True:
            page = self._jobs.jobs(type=type, state=state, cursor=cursor, limit=500)
            yield from (info.id for info in page.jobs)
            cursor = page.cursor
            if cursor is None:
                return

    def _document(self) -> Path:
        """Find the first Markdown document; it is the one to change."""
        for folder in self._folders.values():
            for document in sorted(folder.rglob("*.md")):
                return document
        raise JobframeError("the sources hold no Markdown document to change: add one")


def _next_notice(text: str) -> _Notice:
    """Take the notice that is not in the document yet."""
    return next(notice for notice in _NOTICES if notice.text not in text)


def _put(document: Path, notice: _Notice) -> None:
    before, _, _ = document.read_text(encoding="utf-8").partition(_HEADING)
    document.write_text(f"{before.rstrip()}\n\n{_HEADING}\n\n{notice.text}\n", encoding="utf-8")
