"""Kills workers with -9 in the middle of their jobs, and says of each kill what it met."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from contextlib import asynccontextmanager

import attrs

from jobframe.store import leases
from jobframe.store.inspect import workers
from tests.fleet.ledger import Ledger
from tests.fleet.workers import until

WAIT_S = 100.0
BUSY = "a worker is in the middle of jobs"


@attrs.frozen
class Kill:
    """
    One kill of a worker.

    Attributes:
        pid: Its process.
        ns: When it had ended, by the monotonic clock.
        running: Ids of the jobs whose handlers it was running.
        held: Ids of the jobs that it held by the store's account: these, and what it had claimed and not begun or
            finished and not settled.

    """

    pid: int
    ns: int
    running: frozenset[str]
    held: frozenset[str]

    def back_after_s(self, ledger: Ledger) -> float:
        """Return after how many seconds the last of the jobs that it held had started again; infinite if one never."""
        started: dict[str, int] = {}
        for line in ledger.lines("start"):
            if line.job in self.held and line.ns > self.ns:
                started.setdefault(line.job, line.ns)
        return (max(started.values()) - self.ns) / 1e9 if len(started) == len(self.held) else float("inf")


async def kill_one(fleet, *, type="", at_least=1, sigterm_s=0):
    """
    Wait until a worker runs *at_least* so many jobs, of a type or of all, and kill it in the middle of them.

    With *sigterm_s* it is told to stop then, and killed so many seconds later.
    """
    victim, running = await until(lambda: _stop_one(fleet, type, at_least), BUSY, WAIT_S)
    if sigterm_s:
        victim.signal()
        victim.signal(signal.SIGCONT)
        await asyncio.sleep(sigterm_s)
        running = _stop(fleet, victim, type)
    return await _kill(fleet, victim, running)


@asynccontextmanager
async def killing(fleet, every_s, most, *, type="", at_least=1):
    """
    Kill one worker after the other for the time of the block, and start another one each time.

    Yields the list of the kills so far, complete after the block.
    """
    kills: list[Kill] = []
    done = asyncio.Event()

    async def kill():
        while len(kills) < most and not await _is_set(done, every_s):
            stopped = await until(lambda: done.is_set() or _stop_one(fleet, type, at_least), BUSY, WAIT_S)
            if stopped is True:
                break
            kills.append(await _kill(fleet, *stopped))
            fleet.spawn()

    killer = asyncio.create_task(kill())
    try:
        yield kills
        done.set()
        await killer
    finally:
        killer.cancel()


async def _is_set(event, within_s):
    try:
        await asyncio.wait_for(event.wait(), within_s)
    except TimeoutError:
        return False
    return True


def _stop_one(fleet, type, at_least):
    """Stop one of the workers that run so many jobs; returns it and them, if it still runs so many once it stands."""
    living = [worker for worker in fleet.workers if worker.process.poll() is None]
    running = _running(fleet.ledger, type)
    busy = [worker for worker in living if len(running[worker.pid]) >= at_least]
    if not busy:
        return None
    victim = fleet.dice.choice(busy)
    running = _stop(fleet, victim, type)
    if len(running) >= at_least:
        return victim, running
    victim.signal(signal.SIGCONT)
    return None


def _stop(fleet, victim, type):
    """Stop a worker where it stands; returns what it runs."""
    victim.freeze()
    return _running(fleet.ledger, type)[victim.pid]


async def _kill(fleet, victim, running):
    names = {stats.member.pid: stats.worker for stats in await workers(fleet.jobs.store)}
    fleet.kill(victim)
    killed = fleet.ledger.lines("kill")[-1]
    # one that has not joined yet holds nothing
    held = await leases.held(fleet.jobs.store, names[victim.pid]) if victim.pid in names else ()
    kill = Kill(victim.pid, killed.ns, frozenset(running), frozenset(name.replace("\t", ":", 1) for name in held))
    assert kill.running <= kill.held, "what it ran was its own"
    return kill


def _running(ledger, type):
    """Return which jobs' handlers have begun and not ended, by their process and by its parent."""
    running = defaultdict(set)
    for line in ledger.unended(type):
        running[line.pid].add(line.job)
        running[line.parent].add(line.job)
    return running
