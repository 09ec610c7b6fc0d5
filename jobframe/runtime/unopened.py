"""Claimed jobs on their way to being opened: a portion at a time, while the store answers for the one before."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from jobframe.runtime.running import Runnable
from jobframe.store.claim import Claimed

__all__ = ["Unopened"]

_PORTION = 50
"""Half of what a worker runs at once by default: one half is opened while the store records the other."""


class Unopened:
    """
    Jobs that were claimed and are not opened yet; those of a type with a batch handler stay together.

    Attributes:
        jobs: How many.
        calls: Name of a pool → how many calls of handlers they will be there.

    """

    def __init__(self, pools: Iterable[str]) -> None:
        """Hold nothing yet, for *pools*."""
        self.jobs = 0
        self.calls = dict.fromkeys(pools, 0)
        self._waiting: deque[tuple[Runnable, list[Claimed]]] = deque()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._waiting)

    def add(self, jobs: Iterable[Claimed], runnables: Mapping[str, Runnable]) -> None:
        """Take what one claim brought."""
        batches: dict[str, list[Claimed]] = {}
        for claimed in jobs:
            self.jobs += 1
            runnable = runnables[claimed.type]
            if runnable.type.batch is None:
                self._waiting.append((runnable, [claimed]))
                self.calls[runnable.policy.run_in] += 1
            else:
                batches.setdefault(claimed.type, []).append(claimed)
        for name, together in batches.items():
            runnable = runnables[name]
            self._waiting.append((runnable, together))
            self.calls[runnable.policy.run_in] += _calls(runnable, together)

    def of_type(self, type: str) -> int:
        """Return how many jobs of *type* there are."""
        return sum(len(together) for runnable, together in self._waiting if runnable.type.name == type)

    def portion(self) -> Iterator[tuple[Runnable, list[Claimed]]]:
        """Hand out some of them, the oldest first."""
        until = self.jobs - _PORTION
        while self._waiting and self.jobs > until:
            runnable, together = self._waiting.popleft()
            self.jobs -= len(together)
            self.calls[runnable.policy.run_in] -= 1 if runnable.type.batch is None else _calls(runnable, together)
            yield runnable, together

    def forget(self) -> list[Claimed]:
        """Give all of them up; returns them."""
        forgotten = [claimed for _, together in self._waiting for claimed in together]
        self._waiting.clear()
        self.jobs = 0
        self.calls = dict.fromkeys(self.calls, 0)
        return forgotten


def _calls(runnable: Runnable, together: list[Claimed]) -> int:
    return math.ceil(len(together) / (runnable.type.batch or 1))
