"""Watches a soak from outside: a status server that is asked again and again, and how much memory processes take."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path

from tests.fleet.workers import ROOT, until

PAGE = os.sysconf("SC_PAGE_SIZE")
WARM_UP_S, JUDGED_S, SAMPLES = 300, 900, 10
"""A process is judged when it lived so much longer than its warm-up, by the medians of its first and last samples."""


class Status:
    """
    A status server in a process of its own.

    Attributes:
        answers: How often ``/readyz`` and ``/metrics`` answered with which status; 0 is no answer.
        largest: Bytes of the largest ``/metrics``.
        series: The names and labels that ``/metrics`` had last.
        most_series: How many there were at most.

    """

    def __init__(self, folder: Path) -> None:
        """Start it by the jobs.toml of *folder*."""
        self._output = folder / "serve.log"
        with self._output.open("wb") as sink:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("jobframe"), "serve"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self._address = ""
        self.answers: Counter[tuple[str, int]] = Counter()
        self.largest = self.most_series = 0
        self.series: frozenset[str] = frozenset()

    async def serves(self) -> None:
        """Wait until it does."""
        found = await until(lambda: re.search(r"(http\S+)/metrics", self._output.read_text()), "it serves")
        self._address = found[1]

    async def poll(self) -> None:
        """Ask for everything."""
        await asyncio.to_thread(self._ask, "/readyz")
        text = await asyncio.to_thread(self._ask, "/metrics")
        if text:
            lines = text.splitlines()
            self.series = frozenset(line.rpartition(b" ")[0].decode() for line in lines if not line.startswith(b"#"))
            self.largest = max(self.largest, len(text))
            self.most_series = max(self.most_series, len(self.series))

    def _ask(self, path: str) -> bytes:
        status, text = 0, b""
        request = urllib.request.Request(f"{self._address}{path}", headers={"Accept": "text/plain"})  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            status = answer.code
        except OSError:
            pass
        self.answers[path, status] += 1
        return text

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


class Memory:
    """How much memory each process took, now and then."""

    def __init__(self) -> None:
        self._taken: dict[int, list[tuple[float, int]]] = defaultdict(list)

    def sample(self, pids: list[int]) -> None:
        """See how much each takes now."""
        for pid in pids:
            try:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except (OSError, IndexError):
                continue  # it has just ended
            self._taken[pid].append((time.monotonic(), pages * PAGE))

    def now(self, pids: list[int]) -> list[int]:
        """Return how many MB each took last."""
        return [self._taken[pid][-1][1] // 1_000_000 for pid in pids if self._taken[pid]]

    def growth(self) -> dict[int, float]:
        """Return by how much, as a part of 1, each process grew that lived long enough to tell."""
        grown = {}
        for pid, samples in self._taken.items():
            warm = [taken for at, taken in samples if at - samples[0][0] >= WARM_UP_S]
            if samples[-1][0] - samples[0][0] >= WARM_UP_S + JUDGED_S:
                first, last = statistics.median(warm[:SAMPLES]), statistics.median(warm[-SAMPLES:])
                grown[pid] = last / first - 1
        return grown
