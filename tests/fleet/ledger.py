"""Reads what the handlers of `acme_work` wrote down: the only witness of what really ran when."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One line of the ledger; *ns* is the machine's monotonic clock, the same for every process."""

    what: str
    job: str
    attempt: int
    fence: int
    pid: int
    parent: int
    ns: int


class Run(NamedTuple):
    """One attempt, from its start to its end; a killed one ends with its process."""

    job: str
    attempt: int
    fence: int
    pid: int
    start: int
    end: int | None


class Ledger:
    """
    The ledger of one test.

    Attributes:
        path: The file.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: list[Line] = []
        self._open: dict[tuple[str, int], Line] = {}
        self._offset = 0

    def open_gate(self, name: str) -> None:
        """Let every handler go on that holds at this gate."""
        Path(f"{self.path}.{name}").touch()

    def note_kill(self, pid: int) -> None:
        """Write down that a process was killed, after it has ended: its runs ended no later."""
        line = dict.fromkeys(("job", "attempt", "fence", "parent"), 0) | {"what": "kill", "pid": pid}
        with self.path.open("a") as file:
            file.write(json.dumps(line | {"job": "", "ns": time.monotonic_ns()}) + "\n")

    def lines(self, what: str = "", job: str = "") -> list[Line]:
        """Return the lines of one kind, or of one job or type."""
        self._read_on()
        return [each for each in self._read if (not what or each.what == what) and _is_of(each.job, job)]

    def unended(self, job: str = "") -> list[Line]:
        """Return the starts of runs that have not ended, of those that were killed as well."""
        self._read_on()
        return [line for line in self._open.values() if _is_of(line.job, job)]

    def _read_on(self) -> None:
        """Read what was written since the last time: it is asked again and again while a test waits."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        for line in (Line(**json.loads(each)) for each in whole.splitlines()):
            self._read.append(line)
            if line.what == "start":
                self._open[line.job, line.fence] = line
            elif line.what == "end":
                self._open.pop((line.job, line.fence), None)
        self._offset += len(whole + newline)

    def starts(self, job: str = "") -> Counter[str]:
        """Count the starts by job."""
        return Counter(line.job for line in self.lines("start", job))

    def starts_in(self, pid: int) -> list[Line]:
        """Return the starts in a process or its children."""
        return [line for line in self.lines("start") if pid in (line.pid, line.parent)]

    def running_in(self, pid: int) -> int:
        """Count the runs in a process or its children that have begun and not ended."""
        return sum(pid in (line.pid, line.parent) for line in self.unended())

    def runs(self, job: str = "") -> list[Run]:
        """Return the runs of a job or type in the order of their starts."""
        lines = self.lines()
        ends = {(line.job, line.fence): line.ns for line in lines if line.what == "end"}
        ticks = {(line.job, line.fence): line.ns for line in lines if line.what == "tick"}
        kills = {line.pid: line.ns for line in lines if line.what == "kill"}
        runs = []
        for line in self.lines("start", job):
            name = (line.job, line.fence)
            # a killed child ran as long as it was seen alive, or else as long as its worker
            last_seen = kills.get(line.pid, ticks.get(name, kills.get(line.parent)))
            end = ends.get(name, last_seen)
            runs.append(Run(line.job, line.attempt, line.fence, line.pid, line.ns, end))
        return sorted(runs, key=lambda run: run.start)

    def most_at_once(self, job: str = "") -> int:
        """Return how many runs of a type overlapped at most."""
        return self.most_in_use({job: 1})

    def most_in_use(self, amounts: Mapping[str, int]) -> int:
        """Return what overlapping runs of these types took together at most, each run its type's amount."""
        edges = []
        for job, amount in amounts.items():
            for run in self.runs(job):
                edges.append((run.start, amount))
                if run.end is not None:
                    edges.append((run.end, -amount))
        most = now = 0
        for _, step in sorted(edges):
            now += step
            most = max(most, now)
        return most


def _is_of(job: str, wanted: str) -> bool:
    return not wanted or job == wanted or job.startswith(f"{wanted}:")
