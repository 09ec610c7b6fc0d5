"""
The steps of one attempt: open, invoke, conclude, record.

Each takes what the step before it gave and nothing here writes to the store: the outcome goes to the settler. The crash
of a child, a timeout, a cancel and a shutdown walk the same steps as a return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import structlog

from jobframe.core import clock, ids
from jobframe.core.context import Context, Services
from jobframe.core.errors import PayloadError
from jobframe.core.event import Event
from jobframe.core.job import State
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
from jobframe.core.policy import Policy
from jobframe.runtime.arq_relay import Relay
from jobframe.runtime.conclusion import conclude, interrupted
from jobframe.runtime.deadlines import Deadlines
from jobframe.runtime.pools import Pools
from jobframe.runtime.running import Attempt, Runnable
from jobframe.store.claim import Claimed
from jobframe.store.codec import Envelope, Record, Unreadable, decode_payload
from jobframe.store.settle import Settled

__all__ = ["Execution"]

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
        tasks: The tasks of these attempts.

    """

    def __init__(
        self,
        services: Services,
        pools: Pools,
        settle: Callable[[Settled], None],
        observe: Callable[[Event], None] | None,
        worker: Callable[[], str],
        relay: Relay | None = None,
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

        """
        self.running: dict[str, Attempt] = {}
        self._services = services
        self._pools = pools.by_name()
        self._settle = settle
        self._observe = observe
        self._worker = worker
        self._relay = relay
        self.tasks: set[asyncio.Task[None]] = set()
        self._busy = dict.fromkeys(self._pools, 0)
        self._watch = Deadlines(self.running.values()).watch

    def start(self, claimed: Claimed, runnable: Runnable) -> None:
        """Open a claimed job and start its handler; a job that cannot be opened is settled at once."""
        opened = self._open(claimed, runnable)
        if isinstance(opened, Settled):
            self._record(opened)
            return
        self.running[opened.name] = opened
        if self._observe is not None:
            self._observe(_event(opened, State.ACTIVE, "started"))
        if self._relay is not None and opened.envelope.headers is not None:
            self._relay.started(claimed.type, claimed.unique, opened.envelope.headers, opened.policy.timeout_ms)
        self._busy[opened.policy.run_in] += 1
        opened.task = asyncio.get_running_loop().create_task(self._attempt(opened, opened.policy.run_in))
        self.tasks.add(opened.task)  # the loop itself keeps only a weak reference

    def free_in(self, run_in: str, most: int) -> int:
        """Return how many more handlers the pool of that name can start now, at most *most*."""
        size = self._pools[run_in].size
        return most if size is None else min(most, size - self._busy[run_in])

    def give_back(self) -> None:
        """End as interrupted every attempt whose handler can be stopped: in a thread it cannot."""
        for attempt in list(self.running.values()):
            if attempt.policy.run_in != "thread":
                attempt.end("interrupt")

    def abandon(self, delay_ms: int) -> None:
        """Conclude what still runs, for this process ends; what is given back waits *delay_ms* milliseconds."""
        for attempt in list(self.running.values()):
            if attempt.ended in ("timeout", "cancel"):
                self._record(conclude(attempt, None, None, self._worker()), attempt)
            else:
                self._record(interrupted(attempt, delay_ms), attempt)
            attempt.ended = "lost"

    def stop_exclusive(self) -> None:
        """End as interrupted what must not run twice at once, for another worker may take it over soon."""
        for attempt in list(self.running.values()):
            if attempt.policy.concurrency is not None and attempt.policy.run_in != "thread" and not attempt.ended:
                attempt.end("interrupt")
                _log.warning("stopped: the lease may be lost", job=attempt.context.job_id)

    def lose(self) -> None:
        """End every attempt without an outcome: other workers have these jobs by now."""
        for attempt in list(self.running.values()):
            attempt.end("lost")

    def _open(self, claimed: Claimed, runnable: Runnable) -> Attempt | Settled:
        """Decode what was claimed and build the handler's context."""
        job_type = runnable.type
        try:
            enqueued_ms, envelope = decode_payload(claimed.payload)
            record = Record.decode(claimed.record)
            if envelope.version > job_type.version:
                reason = f"too new: payload version {envelope.version}, this worker has {job_type.version}"
                return _unopened(claimed, Parked(reason))
            payload = job_type.shape.decode(envelope.body)
        except Unreadable as error:
            return _unopened(claimed, Parked(str(error)))
        except PayloadError as error:
            return _unopened(claimed, Failed(f"payload: {error.problem}"))
        policy = _own_policy(runnable.policy, envelope)
        context = Context(
            self._services,
            ids.join(claimed.type, claimed.unique),
            record.attempts + 1,
            policy.max_retries + 1,
            claimed.fence,
            enqueued_ms,
            clock.wall_ms() + policy.timeout_ms,
            envelope.headers,
            asyncio.get_running_loop() if policy.run_in == "thread" else None,
        )
        return Attempt(claimed, runnable, policy, envelope, record, context, payload, clock.monotonic())

    async def _attempt(self, attempt: Attempt, run_in: str) -> None:
        """Invoke, conclude and record; nothing can end it without an outcome."""
        raised: BaseException | None = None
        result: Any = None
        try:
            if attempt.ended is None:  # it may have been ended before it could start
                result = await self._pools[run_in].call(attempt, self._watch)
        except BaseException as error:  # noqa: BLE001 - SystemExit and a handler's own CancelledError are outcomes too
            raised = error
        self._busy[run_in] -= 1
        self._forget(attempt)
        if attempt.ended == "lost":
            return  # another worker has it by now: the store would refuse whatever we say
        self._record(conclude(attempt, result, raised, self._worker()), attempt)

    def _forget(self, attempt: Attempt) -> None:
        """Drop the attempt, but not a newer one of the same job, which may run here after this one was lost."""
        if self.running.get(attempt.name) is attempt:
            del self.running[attempt.name]
        self.tasks.discard(attempt.task)

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


def _own_policy(policy: Policy, envelope: Envelope) -> Policy:
    """Put the job's own timeout and retries into its type's policy; most jobs have neither."""
    if envelope.timeout_ms is None and envelope.max_retries is None:
        return policy
    return attrs.evolve(
        policy,
        timeout_ms=policy.timeout_ms if envelope.timeout_ms is None else envelope.timeout_ms,
        max_retries=policy.max_retries if envelope.max_retries is None else envelope.max_retries,
    )


def _unopened(claimed: Claimed, outcome: Outcome) -> Settled:
    return Settled(claimed.type, claimed.unique, claimed.fence, claimed.due_ms, outcome)


def _event(attempt: Attempt, state: State, outcome: str, run_ms: int = 0, reason: str = "") -> Event:
    context = attempt.context
    return Event(
        type=context.type, id=context.job_id, state=state, attempt=context.attempt, outcome=outcome, run_ms=run_ms,
        reason=reason,
    )  # fmt: skip
