"""One worker process: joins the fleet, claims, runs, settles, and leaves without losing anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

import attrs
import structlog

from jobframe.client.blocking import SyncJobs, runner
from jobframe.client.jobs import Jobs
from jobframe.core import clock
from jobframe.core.context import App, FollowUp
from jobframe.core.errors import JobframeError
from jobframe.core.event import Event
from jobframe.core.job import NewJob
from jobframe.core.keyring import Keyring
from jobframe.runtime.arq_bridge import Bridge
from jobframe.runtime.children import Children
from jobframe.runtime.claimer import Claimer, Room
from jobframe.runtime.execution import Execution
from jobframe.runtime.membership import Listening, Membership, Plan
from jobframe.runtime.notes import Notes
from jobframe.runtime.pools import LoopPool, Pools, ProcessPool, ThreadPool
from jobframe.runtime.schedules import Scheduler
from jobframe.runtime.self_fence import SelfFence
from jobframe.runtime.settler import Settler
from jobframe.runtime.strangers import Strangers
from jobframe.runtime.sweeper import Sweeper
from jobframe.runtime.unparker import Unparker
from jobframe.runtime.waker import Waker
from jobframe.store.claim import Claim
from jobframe.store.leases import Renewed
from jobframe.store.settle import SettleCall, Settled
from jobframe.store.store import Store

__all__ = ["Observers", "Parts", "Runtime"]

_log = structlog.get_logger("jobframe.worker")
_LAST_STEPS_S = 1.0  # for handlers that were told to stop
_HEAD_START_MS = 1_000  # a job whose handler cannot be stopped is not started elsewhere before this process has ended
_LAST_WORDS_S = 3.0


class Observers(Protocol):
    """The plugins' hooks that the runtime calls; none of them can fail a job."""

    @property
    def observed(self) -> bool:
        """Whether anybody listens to events."""

    def observe(self, event: Event) -> None:
        """Tell an event."""

    def lifespans(self, app: App) -> list[Any]:
        """Make the lifespans of every plugin."""


@attrs.frozen(kw_only=True)
class Parts:
    """
    What a runtime is made of; the composition root fills it in.

    Attributes:
        url: Where the server is.
        namespace: Which set of queues.
        durability: As ``[runtime]`` has it.
        plan: What this worker brings into the fleet.
        reread: Reads the configuration again; raises a `JobframeError` when it is wrong.
        settings: Plugins' settings by class.
        observers: The plugins' hooks.
        threads: Threads for plain handlers.
        children: The pool of child processes.
        keyring: Seals and opens payload fields.
        burst: Whether to end when nothing is left to do.
        arq_queue: Queue of producers with plain arq; empty when nobody is served there.

    """

    url: str
    namespace: str
    durability: str
    plan: Plan
    reread: Callable[[], Plan]
    settings: Mapping[type, Any]
    observers: Observers
    threads: int
    children: Children
    keyring: Keyring
    burst: bool = False
    arq_queue: str = ""


class Runtime:
    """
    A worker.

    Attributes:
        store: The store.
        jobs: The client that handlers use.
        blocking_jobs: The same for plain handlers in threads.
        app: The handlers' resources.
        membership: Its place in the fleet.
        execution: What it runs.
        notes: What handlers note of their jobs.

    """

    def __init__(self, parts: Parts) -> None:
        """Put the parts together, in a running loop; nothing is connected yet."""
        self.store = Store(parts.url, parts.namespace, parts.durability)
        self.jobs = Jobs(self.store, keyring=lambda: parts.keyring)
        self.blocking_jobs = SyncJobs(self.jobs, runner(asyncio.get_running_loop()))
        self.app = App(parts.settings)
        self._parts = parts
        self._lifespans = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._insisted = asyncio.Event()
        self._stopped = asyncio.Event()
        children = parts.children
        self._pools = Pools(LoopPool(), ThreadPool(parts.threads), ProcessPool(children), ProcessPool(children.apart()))
        self._settler = Settler(self.store, lambda: self.membership.worker, self._on_settled, lambda: self._claimer)
        self._bridge = Bridge(self.store, parts.arq_queue) if parts.arq_queue else None
        self.execution = Execution(
            self,
            self._pools,
            self._settler.add,
            parts.observers.observe if parts.observers.observed else None,
            lambda: self.membership.worker,
            self._bridge.relay if self._bridge else None,
            parts.keyring,
        )
        self._strangers = Strangers(self.store, self.execution.running, self._settler.add)
        self.notes: Notes = Notes(self.store, lambda: self.membership.worker, self.execution.seen)
        self._room = Room(
            lambda: self.membership.plan.max_jobs, self._taken, self.execution.free_in, self.execution.running_of
        )
        self._waker = Waker(self.store, self._lanes_with_room, self._look)
        self._claimer = Claimer(
            self.store, self._room, lambda: self.membership.runnables, take=self._take, want_wake=self._waker.want
        )
        self._sweeper = Sweeper(self.store, parts.plan.lease_ms)
        self._unparker = Unparker(
            self.store, lambda: self.membership.runnables, self._claimer, list(parts.keyring.keys)
        )
        self._scheduler = Scheduler(self.jobs, parts.plan, lambda: self.membership.worker, fires=not parts.burst)
        listening = Listening(
            joined=self._on_joined, lost=self.execution.lose, renewed=self._on_renewed, parked=self._unparker.parked
        )
        self.membership = Membership(self.store, parts.plan, listening, parts.reread)
        self._fence = SelfFence(
            parts.plan.lease_ms,
            self.membership.silent_s,
            lambda: self.execution.stop_exclusive(self.membership.runnables),
        )

    @property
    def worker_id(self) -> str:
        """Its name in the fleet."""
        return self.membership.worker

    async def prepare(self, job: NewJob) -> FollowUp:
        """Check and encode a follow-up of a handler."""
        return await self.jobs.encode(job)

    async def start(self) -> None:
        """
        Open the plugins' resources, join the fleet and start to work.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        for lifespan in self._parts.observers.lifespans(self.app):
            await self._lifespans.enter_async_context(lifespan)
        await self.membership.join()
        self._fence.watch()
        runners = (self._claimer, self._waker, self._sweeper, self._unparker, self.notes, self._scheduler)
        self._tasks = [asyncio.create_task(each.run()) for each in runners]
        if self._bridge is not None:
            self._bridge.start()
        _log.info("worker started", worker=self.worker_id, types=len(self.membership.runnables))

    async def run(self) -> None:
        """Work until drained; in burst mode until nothing is due, running or unsettled."""
        ends: list[asyncio.Task[Any]] = [asyncio.create_task(self._stopped.wait())]
        if self._parts.burst:
            ends.append(asyncio.create_task(self._finish_burst()))
        await asyncio.wait([*ends, *self._tasks[1:]], return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()  # one of our own loops ended by an error: end the worker with it

    async def reload(self) -> None:
        """Read the configuration again and put its policies in force; what else is in it is for the next start."""
        if await self.membership.reload():
            self._scheduler.take_over(self.membership.plan)

    async def drain(self, grace_ms: int) -> None:
        """
        Claim no more, let jobs end for *grace_ms* milliseconds, give the rest back, and leave the fleet.

        No attempt is used by what is given back.
        """
        self._stopping = True
        self._claimer.stop()
        _log.info("worker stopping", worker=self.worker_id, running=len(self.execution.running), grace_ms=grace_ms)
        deadline = clock.monotonic() + grace_ms / 1000
        insisted = asyncio.create_task(self._insisted.wait())
        while self.execution.tasks and not insisted.done() and (left_s := deadline - clock.monotonic()) > 0:
            tasks = {*self.execution.tasks, insisted}
            await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        insisted.cancel()
        given_back = len(self.execution.running)
        await self._give_back_rest()
        _log.info("worker stopped", worker=self.worker_id, given_back=given_back)

    async def give_back(self) -> None:
        """Wait for nothing more: the `drain` under way gives everything back at once."""
        self._insisted.set()

    def last_calls(self) -> Iterator[SettleCall]:
        """Conclude everything and yield what there is to tell the store, from another thread: the loop is blocked."""
        self._settler.stop_sending()
        self._pools.close()
        self.execution.abandon(_HEAD_START_MS)
        return self._settler.unanswered()

    async def _give_back_rest(self) -> None:
        if told_to_stop := self.execution.give_back():
            await asyncio.wait(told_to_stop, timeout=_LAST_STEPS_S)
        self.execution.abandon(_HEAD_START_MS)
        await self._say(self._settler.flush())
        self._settler.stop_sending()  # what a claim still brings is given back by leaving
        await self._say(self.membership.leave())
        await self._close()

    async def _say(self, last_words: Awaitable[object]) -> None:
        with contextlib.suppress(JobframeError, TimeoutError):
            await asyncio.wait_for(asyncio.shield(last_words), _LAST_WORDS_S)

    async def _close(self) -> None:
        self._fence.close()
        if self._bridge is not None:
            await self._bridge.aclose()
        await self.membership.aclose()
        for each in (self._sweeper, self._unparker, self.notes, self._scheduler):
            each.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._waker.aclose(self._all_lanes()), _LAST_WORDS_S)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_WORDS_S)
        self._pools.close()
        await self._lifespans.aclose()
        await self.jobs.aclose()
        await self.store.aclose()
        self._stopped.set()

    async def _finish_burst(self) -> None:
        """Return when a claim after the last settled outcome found nothing: an outcome may bring about a job."""
        settled = -1
        while True:
            await self._claimer.idle.wait()
            if self.execution.tasks:
                await asyncio.wait({*self.execution.tasks}, return_when=asyncio.FIRST_COMPLETED)
            await self._settler.flush()
            taken_over = await self._bridge.take_over() if self._bridge is not None else 0
            if not taken_over and not self._taken() and settled == self._settler.settled:
                return
            settled = self._settler.settled
            self._claimer.look()

    def _taken(self) -> int:
        return self.execution.jobs + self._settler.unsettled

    def _all_lanes(self) -> list[str]:
        return sorted({each.lane for each in self.membership.runnables.values()})

    def _lanes_with_room(self) -> list[str]:
        return [] if self._stopping else list(self._room.lanes(self.membership.runnables))

    def _look(self) -> None:
        self._claimer.look()

    def _take(self, claim: Claim) -> None:
        if self._stopping:
            self.execution.decline(claim.jobs)  # came too late, and shall not wait for the end of the grace
            return
        if self._fence.up:  # the store is back: the lease first
            self._fence.heard()
            self.membership.ask()
        self.execution.take(claim.jobs, self.membership.runnables)

    def _on_settled(self, recorded: list[Settled]) -> None:
        self._claimer.freed(len(recorded))
        if self._bridge is not None:
            self._bridge.relay.ended(recorded)

    def _on_joined(self, worker: str) -> None:
        self._claimer.resume(worker)
        self._unparker.joined()
        self._scheduler.look()

    def _on_renewed(self, answer: Renewed) -> None:
        (self._sweeper.ask if answer.sweep else self._sweeper.tick)()
        for name, (fence, reason) in answer.cancels.items():
            attempt = self.execution.running.get(name)
            if attempt is not None and attempt.claimed.fence == fence:
                attempt.end("cancel", reason)
        if answer.held <= self._taken():
            self._strangers.forget()
        elif not self._claimer.asking:  # else what is not known here may be under way, however slowly
            asyncio.create_task(self._strangers.give_back(self.worker_id))  # noqa: RUF006 - short, and tried again
