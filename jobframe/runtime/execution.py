"""
The steps of one attempt: open, invoke, conclude, record.

Each takes what the step before it gave and nothing here writes to the store: the outcome goes to the settler. The crash
of a child, a timeout, a cancel and a shutdown walk the same steps as a return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import structlog

from jobframe.core import clock, ids
from jobframe.core.context import Context, Services
from jobframe.core.event import Event
from jobframe.core.job import State
from jobframe.core.keyring import NO_KEYS, Keyring
from jobframe.core.outcome import (
    Cancelled,
    Completed,
    Crashed,
    Failed,
    Interrupted,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobframe.runtime.arq_relay import Relay
from jobframe.runtime.batch import Call, Member, calls
from jobframe.runtime.conclusion import conclude, interrupted
from jobframe.runtime.deadlines import Deadlines
from jobframe.runtime.opening import Readable, own_policy, read_job
from jobframe.runtime.pools import Pools
from jobframe.runtime.result import one_each
from jobframe.runtime.running import Attempt, Runnable, cannot_stop
from jobframe.runtime.unopened import Unopened
from jobframe.store.claim import Claimed
from jobframe.store.keys import field
from jobframe.store.settle import Settled

__all__ = ["Execution"]

AnyAttempt = TypeVar("AnyAttempt", bound=Attempt)
_log = structlog.get_logger("jobframe.worker")
_STATES: dict[type, State] = {
    Completed: State.COMPLETED,
    Retried: State.DELAYED,
    Snoozed: State.DELAYED,
    Crashed: State.WAITING,
    Interrupted: State.WAITING,
    Failed: State.FAILED,
    Cancelled: State.CANCELLED,
    Parked: State.PARKED,
}


class Execution:
    """
    Runs claimed jobs.

    Attributes:
        running: ``type<tab>id`` → the attempt under way.
        tasks: The tasks that carry them out, one a call of a handler.

    """

    def __init__(
        self,
        services: Services,
        pools: Pools,
        settle: Callable[[Settled], None],
        observe: Callable[[Event], None] | None,
        worker: Callable[[], str],
        relay: Relay | None = None,
        keyring: Keyring = NO_KEYS,
    ) -> None:
        """
        Start with nothing running.

        Args:
            services: What every context offers.
            pools: Where handlers run.
            settle: Takes every outcome.
            observe: Takes every event; None when nobody listens.
            worker: Names this worker, for the record of errors.
            relay: Told when a job starts that came from arq; None when there is no bridge.
            keyring: Opens sealed fields.

        """
        self.running: dict[str, Attempt] = {}
        self._services = services
        self._pools = pools.by_name()
        self._settle = settle
        self._observe = observe
        self._worker = worker
        self._relay = relay
        self._keyring = keyring
        self.tasks: set[asyncio.Task[None]] = set()
        self._busy = dict.fromkeys(self._pools, 0)
        self._shared = 0  # jobs beyond the first of each call
        self._unopened = Unopened(self._pools)
        self._watch = Deadlines(self.running.values()).watch

    @property
    def jobs(self) -> int:
        """How many jobs are under way."""
        return len(self.tasks) + self._shared + self._unopened.jobs

    def take(self, jobs: Iterable[Claimed], runnables: Mapping[str, Runnable]) -> None:
        """
        Start what one claim brought, soon; those of a type with a batch handler share its calls.

        Whoever claimed it sends the next call to the store first, which answers while these are opened.
        """
        self._unopened.add(jobs, runnables)
        asyncio.get_running_loop().call_soon(self._start_some)

    def _start_some(self) -> None:
        """Start some of what is not opened yet, and let their handlers run before the rest."""
        for runnable, together in self._unopened.portion():
            if runnable.type.batch is None:
                self._start(together[0], runnable)
            else:
                self._start_together(together, runnable)
        if self._unopened:
            asyncio.get_running_loop().call_soon(self._start_some)

    def _start(self, claimed: Claimed, runnable: Runnable) -> None:
        """Open a claimed job and start its handler; a job that cannot be opened is settled at once."""
        attempt = self._open(claimed, runnable, Attempt)
        if attempt is None:
            return
        self._busy[attempt.pool] += 1
        attempt.task = asyncio.get_running_loop().create_task(self._attempt(attempt, attempt.pool))
        self.tasks.add(attempt.task)  # the loop itself keeps only a weak reference

    def _start_together(self, jobs: Iterable[Claimed], runnable: Runnable) -> None:
        """Open claimed jobs of one type and start its batch handler with those that could be opened."""
        opened = [self._open(claimed, runnable, Member) for claimed in jobs]
        members = [member for member in opened if member is not None]
        for call in calls(members, runnable.type.batch or 1):
            self._busy[call.pool] += 1
            self._shared += len(call.members) - 1
            call.task = asyncio.get_running_loop().create_task(self._call(call))
            for member in call.members:
                member.task = call.task
            self.tasks.add(call.task)

    def free_in(self, run_in: str, most: int, batch: int = 1) -> int:
        """Return how many more jobs the pool of that name can start now in calls of *batch*, at most *most*."""
        size = self._pools[run_in].size
        return most if size is None else min(most, (size - self._busy[run_in] - self._unopened.calls[run_in]) * batch)

    def running_of(self, type: str) -> int:
        """Return how many jobs of *type* run here, or will in a moment."""
        return sum(each.claimed.type == type for each in self.running.values()) + self._unopened.of_type(type)

    def seen(self, context: Context) -> bytes | None:
        """Return the JSON of the payloads whose values that handler may name; None when it runs no more."""
        attempt = self.running.get(field(*ids.split(context.job_id)))
        return attempt.seen if attempt is not None and attempt.context is context else None

    def decline(self, jobs: Iterable[Claimed]) -> None:
        """Give back claimed jobs that are not to be started any more."""
        for claimed in jobs:
            self._refuse(claimed, Interrupted())

    def give_back(self) -> set[asyncio.Task[None]]:
        """
        End as interrupted every attempt whose handler can be stopped: in a thread it cannot.

        What is not opened yet is never started: leaving the fleet gives it back.

        Returns:
            What carries out those that were told to stop, and ends soon.

        """
        self._unopened.forget()
        stopped = [attempt for attempt in self.running.values() if attempt.policy.run_in != "thread"]
        for attempt in stopped:
            attempt.end("interrupt")
        return {attempt.task for attempt in stopped if attempt.task is not None}

    def abandon(self, delay_ms: int) -> None:
        """Conclude what still runs, for this process ends; what is given back waits *delay_ms* milliseconds."""
        for attempt in list(self.running.values()):
            if attempt.ended in ("timeout", "cancel"):
                self._record(conclude(attempt, None, None, self._worker()), attempt)
            else:
                self._record(interrupted(attempt, delay_ms), attempt)
            attempt.ended = "lost"

    def stop_exclusive(self, runnables: Mapping[str, Runnable]) -> None:
        """End as interrupted what *runnables* say must not run twice at once: another worker may take it over soon."""
        self.decline(self._unopened.forget())
        for attempt in list(self.running.values()):
            exclusive = runnables[attempt.claimed.type].policy.exclusive  # now, not when it started
            if exclusive and attempt.policy.run_in != "thread" and not attempt.ended:
                attempt.end("interrupt")
                _log.warning("stopped: the lease may be lost", job=attempt.context.job_id)

    def lose(self) -> None:
        """End every attempt without an outcome: other workers have these jobs by now."""
        self._unopened.forget()
        for attempt in list(self.running.values()):
            attempt.end("lost")

    def _open(self, claimed: Claimed, runnable: Runnable, kind: type[AnyAttempt]) -> AnyAttempt | None:
        """Decode what was claimed, build the handler's context, and tell that it starts; None when it cannot."""
        found = read_job(claimed, runnable.type, runnable.sealed, self._keyring)
        if not isinstance(found, Readable):
            self._refuse(claimed, found)
            return None
        envelope, record = found.envelope, found.record
        policy = own_policy(runnable.policy, envelope, record)
        context = Context(
            self._services,
            ids.join(claimed.type, claimed.unique),
            record.attempts + 1,
            policy.max_retries + 1,
            claimed.fence,
            found.enqueued_ms,
            clock.wall_ms() + policy.timeout_ms,
            envelope.headers,
            asyncio.get_running_loop() if policy.run_in == "thread" else None,
        )
        context.secret = found.secret
        attempt = kind(claimed, runnable, policy, found, context, clock.monotonic())
        self.running[attempt.name] = attempt
        if self._observe is not None:
            self._observe(_event(attempt, State.ACTIVE, "started"))
        if self._relay is not None and envelope.headers is not None:
            self._relay.started(claimed.type, claimed.unique, envelope.headers, policy.timeout_ms)
        return attempt

    def _refuse(self, claimed: Claimed, outcome: Outcome) -> None:
        """Settle a job that cannot be opened."""
        self._record(Settled(claimed.type, claimed.unique, claimed.fence, claimed.due_ms, outcome))

    async def _attempt(self, attempt: Attempt, pool: str) -> None:
        """Invoke, conclude and record; nothing can end it without an outcome."""
        raised: BaseException | None = None
        result: Any = None
        try:
            if attempt.ended is None:  # it may have been ended before it could start
                result = await self._pools[pool].call(attempt, self._watch)
        except BaseException as error:  # noqa: BLE001 - SystemExit and a handler's own CancelledError are outcomes too
            raised = error
        self._busy[pool] -= 1
        self.tasks.discard(attempt.task)
        self._end(attempt, conclude(attempt, result, raised, self._worker()))

    async def _call(self, call: Call) -> None:
        """Invoke a batch handler, then conclude and record each of its members."""
        raised: BaseException | None = None
        results: list[Any] = [None] * len(call.members)
        try:
            if not call.ended:
                returned = await self._pools[call.pool].call(call, self._watch_call)
                results = one_each(returned, len(call.members))
        except BaseException as error:  # noqa: BLE001 - as above
            raised = error
        call.stop = cannot_stop  # or the rest would be cut short
        self._busy[call.pool] -= 1
        concluded: list[tuple[Member, Settled]] = []
        for member, result, own in call.ends(results, raised):
            concluded.append((member, conclude(member, result, own, self._worker())))
            if own is not None:
                await asyncio.sleep(0)  # an error's text is compared with every payload of the call: let others run
        for member, settled in concluded:  # together, so that one call to the store tells of all
            self._end(member, settled)
        self._shared -= len(call.members) - 1
        self.tasks.discard(call.task)

    def _watch_call(self, call: Call) -> None:
        """Let the timeout of a call count from now, the same for all its members."""
        first, *others = call.members
        self._watch(first)
        for each in others:
            each.deadline = first.deadline

    def _end(self, attempt: Attempt, settled: Settled) -> None:
        """Record how an attempt whose handler has ended is concluded."""
        if self.running.get(attempt.name) is attempt:  # not a newer one of the same job, begun after this one was lost
            del self.running[attempt.name]
        if attempt.ended != "lost":  # then another worker has it: the store would refuse whatever we say
            self._record(settled, attempt)

    def _record(self, settled: Settled, attempt: Attempt | None = None) -> None:
        """Hand the outcome on; what an operator will want to know of is logged, without a payload."""
        self._settle(settled)
        outcome = settled.outcome
        if isinstance(outcome, Failed | Parked):
            job_id = ids.join(settled.type, settled.unique)
            kind = type(outcome).__name__.lower()
            _log.warning(f"job {kind}", job=job_id, reason=outcome.reason)
        if self._observe is not None and attempt is not None:
            name, reason = type(outcome).__name__.lower(), getattr(outcome, "reason", "")
            self._observe(_event(attempt, _STATES[type(outcome)], name, settled.run_ms, reason))


def _event(attempt: Attempt, state: State, outcome: str, run_ms: int = 0, reason: str = "") -> Event:
    context = attempt.context
    return Event(
        type=context.type, id=context.job_id, state=state, attempt=context.attempt, outcome=outcome, run_ms=run_ms,
        reason=reason,
    )  # fmt: skip
