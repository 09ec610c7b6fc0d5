"""One worker's place in the fleet: joining it, keeping the lease, hearing of cancels and new policies, leaving it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Mapping

import attrs
import structlog

from jobframe.core import clock, ids
from jobframe.core.errors import JobframeError
from jobframe.core.jobtype import JobType
from jobframe.core.policy import Policy
from jobframe.core.schedule import Schedule
from jobframe.runtime.leases import LeaseKeeper
from jobframe.runtime.patience import Patience
from jobframe.runtime.running import Runnable
from jobframe.store import leases, policies
from jobframe.store.leases import Renewed
from jobframe.store.listen import Listener
from jobframe.store.store import Store

__all__ = ["Listening", "Membership", "Plan"]

_log = structlog.get_logger("jobframe.worker")


@attrs.frozen(kw_only=True)
class Plan:
    """
    What a worker brings into the fleet.

    Attributes:
        types: The job types to run, with the policy that the configuration gives them.
        apply: Whether to put those policies in force, or to follow what is.
        file: Fingerprint of the configuration's text.
        edited_ms: When the configuration was last edited.
        max_jobs: Jobs at once.
        lease_ms: Length of the lease.
        version: Version of jobframe, to be shown.
        schedules: The schedules of these types.

    """

    types: Mapping[str, tuple[JobType, Policy]]
    apply: bool
    file: str
    edited_ms: int
    max_jobs: int
    lease_ms: int
    version: str
    schedules: tuple[Schedule, ...] = ()


@attrs.frozen(kw_only=True)
class Listening:
    """
    Whom the membership tells, always in the event loop.

    Attributes:
        joined: Under which name the worker is in the fleet now.
        lost: It had been given up for dead: whatever it runs belongs to others.
        renewed: Every answer to a renewal.
        parked: A job of that type was parked by some worker, for its payload was too new for it.

    """

    joined: Callable[[str], None]
    lost: Callable[[], None]
    renewed: Callable[[Renewed], None]
    parked: Callable[[str], None]


class Membership:
    """
    A worker's place in the fleet.

    Attributes:
        worker: Its name; a new one when it had been given up for dead.
        runnables: What it runs, under the policies in force.
        plan: What it brought into the fleet, as the configuration was last read.

    """

    def __init__(self, store: Store, plan: Plan, listening: Listening, reread: Callable[[], Plan]) -> None:
        """
        Be a member of nothing yet.

        Args:
            store: The store.
            plan: What it brings into the fleet.
            listening: Whom to tell.
            reread: Reads the configuration again; raises a `JobframeError` when it is wrong.

        """
        self.worker = ids.new_worker()
        self.runnables: dict[str, Runnable] = {}
        self.plan = plan
        self._store = store
        self._reread = reread
        self._listening = listening
        self._started_at = clock.wall_ms()
        self._policy_version = -1
        self._not_in_force: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._busy: asyncio.Task[None] | None = None
        self._closed = False
        self._listener = Listener(store, store.keys.control_channel, self._hear)
        self._lease = LeaseKeeper(
            store.url,
            store.keys.namespace,
            plan.lease_ms,
            on_renewed=lambda answer: self._in_loop(self._on_renewed, answer),
            on_gone=lambda worker: self._in_loop(self._on_gone, worker),
            on_silence=lambda: self._in_loop(store.reach.lost),
        )
        store.reach.kept_by(self._lease.ask)

    async def join(self) -> None:
        """
        Announce the types, learn what is in force, and start to keep the lease.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        await self._announce(joining=True, apply=self.plan.apply)
        self._lease.start(self.worker)
        await self._listener.ready()
        self._listening.joined(self.worker)

    async def reload(self) -> bool:
        """
        Read the configuration again, and put it in force as a starting worker would.

        Returns:
            False when it is wrong, and nothing changed.

        """
        before = self.plan
        await self._do(self._take_over_file())
        return self.plan is not before

    async def leave(self) -> int:
        """
        Keep the lease no more, give back whatever this worker still holds, and leave.

        Returns:
            How many jobs that were.

        Raises:
            StoreUnavailable: The server cannot be reached or used.

        """
        await self._stop_lease()  # or it would learn that it is gone, and join anew
        return await leases.leave(self._store, self.worker)

    async def aclose(self) -> None:
        """Stop keeping the lease and listening."""
        self._closed = True
        await self._stop_lease()
        await self._listener.aclose()

    async def _stop_lease(self) -> None:
        await asyncio.to_thread(self._lease.stop)
        self._store.reach.found()  # as far as anybody will know

    def ask(self) -> None:
        """Renew the lease at once."""
        self._lease.ask()

    def silent_s(self) -> float:
        """Seconds since the last renewal was sent that the store answered."""
        return clock.monotonic() - self._lease.renewed_at

    async def _announce(self, *, joining: bool, apply: bool) -> bool:
        """Tell of this worker and its types, and learn what is in force; False when it had been given up for dead."""
        plan = self.plan
        names = sorted(plan.types)
        documents = [policies.document(*plan.types[name], self.worker, plan.file) for name in names]
        member = policies.Member(
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            types=tuple(names),
            kind=policies.fingerprint(names),
            max_jobs=plan.max_jobs,
            lease_ms=plan.lease_ms,
            version=plan.version,
            digests={each.type: each.digest for each in documents} if plan.apply else {},
        )
        in_force = await policies.announce(
            self._store,
            self.worker,
            member,
            documents,
            joining=joining,
            apply=apply,
            edited_ms=plan.edited_ms,
        )
        if not in_force:
            return False
        self.runnables = {
            name: Runnable(plan.types[name][0], document.policy, lane, document.sealed)
            for name, (lane, document) in in_force.items()
        }
        self._not_in_force = [each.type for each in documents if in_force[each.type][1].digest != each.digest]
        return True

    def _hear(self, message: str) -> None:
        """Ask for news at once when a policy changed or a job of this worker shall be cancelled; pass the rest on."""
        what, _, name = message.partition("\t")
        if what == "parked":
            self._listening.parked(name)
        elif what == "policy" or name == self.worker:
            self._lease.ask()

    def _on_renewed(self, answer: Renewed) -> None:
        self._store.reach.found()
        if answer.policy != self._policy_version:
            news = self._policy_version >= 0
            self._policy_version = answer.policy
            self._do(self._learn(reread=news))
        self._listening.renewed(answer)

    def _on_gone(self, worker: str) -> None:
        self._store.reach.found()
        if worker == self.worker and not self._closed:
            _log.warning("given up for dead: joining the fleet anew", worker=worker)
            self.worker = ids.new_worker()
            self._listening.lost()
            self._do(self._rejoin())

    async def _learn(self, *, reread: bool) -> None:
        """Learn what is in force; after a change also what the own file says by now, for it may be the one applied."""
        if reread:
            await self._read_file()
        await self._catch_up(joining=False)

    async def _take_over_file(self) -> None:
        if await self._read_file():
            await self._catch_up(joining=False, apply=self.plan.apply)
            _log.info("jobs.toml was read again", worker=self.worker, not_in_force=self._not_in_force)

    async def _read_file(self) -> bool:
        try:
            self.plan = await asyncio.to_thread(self._reread)
        except JobframeError as error:
            text = "; ".join(str(error).splitlines())
            _log.error("jobs.toml cannot be used: what was read before goes on", worker=self.worker, error=text)
            return False
        return True

    async def _catch_up(self, *, joining: bool, apply: bool = False) -> None:
        """Learn what is in force, until the store answers."""
        patience = Patience("policies", self._store.reach)
        while not self._closed:
            try:
                still_here = await self._announce(joining=joining, apply=apply)
            except JobframeError as error:
                await patience.wait(error)
            else:
                if still_here:
                    self._listening.joined(self.worker)
                return

    async def _rejoin(self) -> None:
        await self._catch_up(joining=True)
        self._lease.take_over(self.worker)

    def _do(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Carry out *work*, after what is being done."""
        before = self._busy

        async def one_after_the_other() -> None:
            if before is not None and not before.done():
                await asyncio.wait([before])
            await work

        self._busy = self._loop.create_task(one_after_the_other())
        return self._busy

    def _in_loop(self, call: Callable[..., None], *args: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)
