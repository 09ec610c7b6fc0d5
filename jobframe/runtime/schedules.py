"""Fires the schedules in force: every worker those of its types, and the script lets one of them do it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from jobframe.client.firing import fire
from jobframe.client.jobs import Jobs
from jobframe.core import clock, ids
from jobframe.core.errors import JobframeError, StoreUnavailable
from jobframe.core.schedule import ON_TIME_MS
from jobframe.runtime.membership import Plan
from jobframe.runtime.patience import Patience
from jobframe.store import schedules
from jobframe.store.schedules import InForce, Progress

__all__ = ["Scheduler"]

_log = structlog.get_logger("jobframe.worker")
_LOOK_EVERY_MS = 30_000
"""The server's clock may be set, and a message may get lost."""
_SPREAD_MS = 50
"""So that the workers of a fleet do not all come in the same millisecond."""


class Scheduler:
    """Every worker has one; there is no leader."""

    def __init__(self, jobs: Jobs, plan: Plan, worker: Callable[[], str], *, fires: bool) -> None:
        """
        Fire the schedules of the types of *plan*.

        Args:
            jobs: Encodes their jobs.
            plan: Which types, and the schedules of the worker's own file.
            worker: Its name in the fleet.
            fires: Whether to watch the slots at all, or only to put the file's schedules in force.

        """
        self._jobs = jobs
        self._plan = plan
        self._worker = worker
        self._fires = fires
        self._to_apply = plan.apply
        self._outdated = True
        self._schedules: list[Progress] = []
        self._watched_ms: dict[str, int] = {}
        self._since_ms: dict[str, int] = {}  # the same by a clock that was set ahead since
        self._ahead_ms = 0  # the server's clock of this process's own
        self._heard_ms = 0
        self._asked = asyncio.Event()
        self._stopping = False

    def take_over(self, plan: Plan) -> None:
        """Put the schedules of a file that was read again in force, as a start would."""
        self._plan = plan
        self._to_apply = plan.apply
        self.look()

    def look(self) -> None:
        """Learn anew what is in force."""
        self._outdated = True
        self._asked.set()

    def stop(self) -> None:
        """Fire no more."""
        self._stopping = True
        self._asked.set()

    async def run(self) -> None:
        """Put the file's schedules in force, then fire what is, until stopped."""
        patience = Patience("schedules", self._jobs.store.reach)
        while not self._stopping:
            try:
                await self._put_in_force()
                pause_ms = await self._fire_due() if self._fires else None
            except StoreUnavailable as error:
                await patience.wait(error)
            else:
                patience.done()
                await self._wait(pause_ms)

    async def _wait(self, pause_ms: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), None if pause_ms is None else pause_ms / 1000)
        self._asked.clear()

    async def _put_in_force(self) -> None:
        if self._to_apply:
            plan = self._plan
            await schedules.put(self._jobs.store, plan.types, plan.schedules, self._worker(), edited_ms=plan.edited_ms)
            self._to_apply = False

    async def _fire_due(self) -> float | None:
        """Fire every slot that is due; returns milliseconds until the next, None without any schedule."""
        if self._outdated or self._now_ms() - self._heard_ms >= _LOOK_EVERY_MS:
            await self._learn()
        for progress in self._schedules:
            await self._fire_slots(progress)
        if self._outdated:
            return 0
        now_ms = self._now_ms()
        following = (each.in_force.schedule.next_slot(now_ms) for each in self._schedules)
        pauses = [slot - now_ms for slot in following if slot is not None]
        if not self._schedules:
            return None
        return min([_LOOK_EVERY_MS, *pauses]) + _SPREAD_MS * ids.roll()

    async def _learn(self) -> None:
        self._outdated = False
        try:
            seen = await schedules.read(self._jobs.store)
        except StoreUnavailable:
            self._outdated = True
            raise
        self._hear(seen.now_ms)
        self._schedules = [each for each in seen.schedules.values() if each.in_force.schedule.job in self._plan.types]
        names = {each.in_force.schedule.name for each in self._schedules}
        self._watched_ms = {name: ms for name, ms in self._watched_ms.items() if name in names}

    async def _fire_slots(self, progress: Progress) -> None:
        name, now_ms = progress.in_force.schedule.name, self._now_ms()
        watched_ms = self._watched_ms.get(name)
        since_ms = self._since_ms.pop(name, None)
        due = progress.in_force.schedule.due(now_ms, watched_ms=watched_ms, done_ms=progress.slot_ms, since_ms=since_ms)
        for slot in due:
            answer = await self._fire(progress.in_force, slot)
            if answer == "CHANGED":
                self._outdated = True
                return
            if answer == "EARLY":  # the server's clock was set back
                return
            self._watched_ms[name] = slot
        self._watched_ms[name] = now_ms

    async def _fire(self, in_force: InForce, slot_ms: int) -> str:
        """Fire one slot; what forbids its job for good is told, and the schedule goes on with its next slot."""
        told = {"schedule": in_force.schedule.name, "slot_ms": slot_ms}
        try:
            answer = await fire(self._jobs, in_force, slot_ms)
        except StoreUnavailable:
            raise
        except JobframeError as error:
            _log.error("schedule could not fire", reason=str(error), **told)
            return "FAILED"
        self._hear(answer.now_ms)
        if answer.what == "FULL":
            _log.warning("schedule skipped a slot: its queue is full", type=in_force.schedule.job, **told)
        return answer.what

    def _hear(self, now_ms: int) -> None:
        """Take the server's time from an answer: it is never ahead of it. What it was set ahead over did not pass."""
        ahead_ms = now_ms - self._now_ms()
        if ahead_ms > ON_TIME_MS:
            self._since_ms = {name: ms + ahead_ms for name, ms in self._watched_ms.items()}
        self._ahead_ms = now_ms - _here_ms()
        self._heard_ms = now_ms

    def _now_ms(self) -> int:
        return _here_ms() + self._ahead_ms


def _here_ms() -> int:
    return int(1000 * clock.monotonic())
