"""
The ``jobframe`` command with a place in it at which its process kills itself with -9.

``python -m tests.fleet.failpoints PLACE NTH worker …``: when it comes to PLACE for the NTH time, the process writes a
line into the ledger, named after the place, and dies. The command itself knows nothing of this.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from types import SimpleNamespace

from jobframe.cli.main import run
from jobframe.core import ids
from jobframe.runtime.execution import Execution
from jobframe.runtime.pools import LoopPool
from jobframe.store.settle import SettleCall

__all__ = ["program"]


def program(place, nth):
    """Return the words that start the command with that place in it; what the command is told comes after them."""
    return sys.executable, "-m", "tests.fleet.failpoints", place, str(nth)


def main(place, nth, *words):
    """Run the command, with that place in it."""
    passes = itertools.count(1)

    def die(job):
        if next(passes) == int(nth):
            at = SimpleNamespace(job_id=ids.join(job.type, job.unique), attempt=0, fence=job.fence)
            sys.modules["acme_work"].note(place, at)  # it was loaded as a plugin
            os.kill(os.getpid(), signal.SIGKILL)

    where, _, outcome = place.partition(" ")
    owner, method, with_death = PLACES[where]
    setattr(owner, method, with_death(getattr(owner, method), die, outcome))
    return run(words)


def claimed(take, die, _):
    """The answer to a claim has come, and nothing of it is started."""

    def take_or_die(self, jobs, runnables):
        die(jobs[0])
        take(self, jobs, runnables)

    return take_or_die


def starting(call, die, _):
    """A handler is about to be called."""

    async def call_or_die(self, work, watch):
        die(work.claimed)
        return await call(self, work, watch)

    return call_or_die


def returned(call, die, _):
    """A handler has returned, and nothing of that is recorded."""

    async def call_and_die(self, work, watch):
        result = await call(self, work, watch)
        die(work.claimed)
        return result

    return call_and_die


def concluded(lay_out, die, outcome):
    """A call that records such an outcome is laid out, and not sent."""

    def lay_out_and_die(self, worker, number, batch):
        batch = list(batch)
        lay_out(self, worker, number, batch)
        _die_of(batch, die, outcome)

    return lay_out_and_die


def recorded(read, die, outcome):
    """The store has carried out a call that records such an outcome, and nobody has read the answer."""

    def die_or_read(self, codes):
        _die_of(self._order, die, outcome)
        return read(self, codes)

    return die_or_read


def _die_of(batch, die, outcome):
    of_that_kind = [each for each in batch if type(each.outcome).__name__.lower() == outcome]
    if of_that_kind:
        die(of_that_kind[0])


PLACES = {
    "claimed": (Execution, "take", claimed),
    "starting": (LoopPool, "call", starting),
    "returned": (LoopPool, "call", returned),
    "concluded": (SettleCall, "__init__", concluded),
    "recorded": (SettleCall, "read", recorded),
}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
