"""A folder as a user has it: jobs.toml, documents, an embedded server, and commands run as processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

import jobframe
from jobframe.store.embedded import running
from tests.e2e.contents import Contents

PATIENCE_S = 50.0
"""Longest wait for anything that takes a second or two on a quiet machine."""

CONFIG = """
[status]
port = 0

[jobs."maintenance.doctor"]
keep_completed = 1

[settings.sync.sources.docs]
url = "docs"
max_delete = {max_delete}

[settings.sync.sources.more]
url = "more"
"""
SOURCES = CONFIG.count("[settings.sync.sources.")
OURS = ("JOBFRAME", "QUEUE_", "PYTHONPATH")


class Deployment:
    """
    One folder and what is started there.

    Attributes:
        folder: The folder itself.
        docs: The folder of its source ``docs``; that of the source ``more`` is beside it.
        log: Where ``jobframe up`` tells what it does, and its worker logs.
        address: Of the status server, while it is up.

    """

    def __init__(self, folder: Path, *sites: Path) -> None:
        """Make the folder ready; *sites* are folders of installed packages."""
        self.folder = folder
        self.docs = folder / "docs"
        self.log = folder / "up.log"
        self.address = ""
        self.docs.mkdir(parents=True)
        (folder / "more").mkdir()
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._environment["PYTHONPATH"] = os.pathsep.join(map(str, sites))
        self.configure()

    def configure(self, more: str = "", max_delete: float = 1.0) -> None:
        """Write jobs.toml: the sources and *more*."""
        (self.folder / "jobs.toml").write_text(f"{CONFIG.format(max_delete=max_delete)}\n{more}\n")

    def run(self, *words: str, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command and hold it to its exit code."""
        ended = subprocess.run(
            [sys.executable, "-m", "jobframe", *words],
            cwd=self.folder, env=self._environment, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S,
            check=False,
        )  # fmt: skip
        assert code == ended.returncode, f"jobframe {' '.join(words)}\n{ended.stdout}{ended.stderr}"
        assert "Traceback" not in ended.stderr
        return ended

    def json(self, *words: str) -> Any:
        """Run a reading command and read its JSON."""
        return json.loads(self.run(*words, "--json").stdout)

    def work(self, type: str, /, **payload: object) -> Any:
        """Enqueue one job from the command line, wait for it, and return its result."""
        return self.json("enqueue", type, "--payload", json.dumps(payload), "--wait")["result"]

    @contextmanager
    def up(self) -> Iterator[Deployment]:
        """Have ``jobframe up`` run for the time of the block, and hold it to a clean end."""
        with self.started() as process:
            yield self
            process.send_signal(signal.SIGINT)
            assert 0 == process.wait(PATIENCE_S), self.said()

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Have ``jobframe up`` run until the end of the block, however it ends."""
        with self.log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "jobframe", "up"],
                cwd=self.folder, env=self._environment, stdout=sink, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            until(lambda: self._is_up() or process.poll() is not None, "jobframe up starts")
            assert process.poll() is None, self.said()
            (self.address,) = re.findall(r"^status +(http\S+)/metrics$", self.said(), re.MULTILINE)
            yield process
        finally:
            process.kill()
            process.wait()

    def _is_up(self) -> bool:
        """Whether the worker runs and the sync of every source is enqueued: only then can all jobs have ended."""
        return "worker started" in self.said() and SOURCES == self.said().count("\nenqueued")

    @property
    def url(self) -> str | None:
        """The address of the embedded server while it runs."""
        return running(self.folder / ".jobframe")

    def said(self) -> str:
        """Return what ``jobframe up`` wrote so far."""
        return self.log.read_text(encoding="utf-8")

    def get(self, path: str, **headers: str) -> HTTPResponse:
        """Ask the status server."""
        request = Request(f"{self.address}{path}", headers=headers)  # noqa: S310 - our own
        answer: HTTPResponse = urlopen(request, timeout=PATIENCE_S)  # noqa: S310 - our own
        return answer

    def ended(self) -> dict[str, int]:
        """Wait until no job waits or runs any more and return the counts."""
        with jobframe.connect_sync(self.url, config=self.folder / "jobs.toml") as jobs:
            until(lambda: not any(map(jobs.counts().__getitem__, ("waiting", "delayed", "active"))), "all jobs end")
            return jobs.counts()

    def listed(self, *words: str) -> list[dict[str, Any]]:
        """List all jobs that *words* ask for."""
        page = self.json("list", "--limit", "500", *words)
        assert page["cursor"] is None
        found: list[dict[str, Any]] = page["jobs"]
        return found

    def results(self, type: str) -> list[Any]:
        """Return the results of the completed jobs of one type, the newest first."""
        completed = self.listed("--type", type, "--state", "completed")
        return [self.json("show", job["id"], "--result")["result"] for job in completed]

    def contents(self) -> Contents:
        """Read all that the corpus holds."""
        return Contents.read(self.folder / ".jobframe" / "corpus.db")


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until *condition* is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"still not so after {PATIENCE_S:.0f} s: {what}")
        time.sleep(0.02)
