"""The books of a soak: what was asked for and what came of it, a byte a job, read from a ledger as it grows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.fleet.ledger import Line

NUMBERED = re.compile(r"n(\d+)(\+?)")


class Tally:
    """How often each of a million numbers was seen."""

    def __init__(self) -> None:
        self._seen = bytearray()

    def add(self, number: int) -> None:
        """See a number."""
        if number >= len(self._seen):
            self._seen.extend(bytes(number + 1 - len(self._seen)))
        self._seen[number] = min(255, self._seen[number] + 1)

    def __contains__(self, number: int) -> bool:
        return number < len(self._seen) and self._seen[number] > 0

    def not_in(self, other: Tally) -> list[int]:
        """List the numbers that *other* has not seen."""
        return [number for number, times in enumerate(self._seen) if times and number not in other]

    @property
    def distinct(self) -> int:
        """How many numbers were seen."""
        return len(self._seen) - self._seen.count(0)

    @property
    def repeated(self) -> int:
        """How often one was seen that had been seen before."""
        return sum(self._seen) - self.distinct


class Books:
    """
    What came of the jobs.

    Attributes:
        acknowledged: Numbers of jobs that were acknowledged.
        parents: Those of them that have another job follow.
        refused: Numbers of jobs that are certainly not there.
        unknown: Numbers of jobs that may be there or not.
        did: Numbers of jobs that did their work.
        followed: Numbers of jobs whose follow-up did its work.
        acknowledged_ids: Ids of acknowledged jobs without a number.
        did_ids: Ids of jobs without a number that did their work.
        repeated_ids: How often one of them did it again.
        starts: How many runs began.
        last_start_ns: When the last one did.
        running: Job and fence → process and parent, of what runs now.

    """

    def __init__(self, ledger: Path) -> None:
        """Read *ledger*."""
        self._ledger = ledger
        self._offset = 0
        self.acknowledged, self.parents, self.refused, self.unknown = Tally(), Tally(), Tally(), Tally()
        self.did, self.followed = Tally(), Tally()
        self.acknowledged_ids: set[str] = set()
        self.did_ids: set[str] = set()
        self.repeated_ids = 0
        self.starts = self.last_start_ns = 0
        self.running: dict[tuple[str, int], tuple[int, int]] = {}

    def read(self) -> None:
        """Read what handlers wrote down since the last time."""
        if not self._ledger.exists():
            return
        with self._ledger.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole + newline)
        for text in whole.splitlines():
            self._take(Line(**json.loads(text)))

    def running_in(self, pid: int) -> int:
        """Count what runs in a process or in its children."""
        return sum(pid in where for where in self.running.values())

    @property
    def done(self) -> int:
        """How many jobs did their work."""
        return self.did.distinct + self.followed.distinct + len(self.did_ids)

    @property
    def repeated(self) -> int:
        """How often one did its work again: its process ended between that and the mark of it."""
        return self.did.repeated + self.followed.repeated + self.repeated_ids

    @property
    def lost(self) -> list[object]:
        """Jobs that were acknowledged and did not do their work, and those that should have followed them."""
        return [
            *self.acknowledged.not_in(self.did),
            *(f"{number}+" for number in self.parents.not_in(self.followed)),
            *(self.acknowledged_ids - self.did_ids),
        ]

    @property
    def uninvited(self) -> list[int]:
        """Jobs that did their work though they were refused."""
        return [number for number in self.refused.not_in(Tally()) if number in self.did]

    def _take(self, line: Line) -> None:
        if line.what == "start":
            self.starts += 1
            self.last_start_ns = max(self.last_start_ns, line.ns)
            self.running[line.job, line.fence] = line.pid, line.parent
        elif line.what == "end":
            self.running.pop((line.job, line.fence), None)
        elif line.what == "kill":
            self.running = {run: where for run, where in self.running.items() if line.pid not in where}
        elif line.what.startswith("did "):
            self._did(line.job, line.what.removeprefix("did "))

    def _did(self, job: str, text: str) -> None:
        if found := NUMBERED.match(text):
            (self.followed if found[2] else self.did).add(int(found[1]))
        else:
            self.repeated_ids += job in self.did_ids
            self.did_ids.add(job)
