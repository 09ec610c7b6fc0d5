"""What a handler is given beside its payload."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jobframe.core import clock, ids
from jobframe.core.job import NewJob
from jobframe.core.progress import Progress
from jobframe.core.scrub import masker
from jobframe.core.steps import BlockingOnce, Once, Steps

if TYPE_CHECKING:
    import structlog

__all__ = ["App", "Context", "FollowUp", "Services"]

Resource = TypeVar("Resource")
MAX_FOLLOW_UPS = 256
MAX_FOLLOW_UP_BYTES = 1024 * 1024


class App:
    """What one worker process offers its handlers: resources by class; plugins add theirs in ``jobframe_lifespan``."""

    def __init__(self, resources: Mapping[type, object] | None = None) -> None:
        """Start with *resources*, class by class: the settings of the plugins."""
        self._resources: dict[type, object] = dict(resources or {})

    def provide(self, resource: object, as_class: type | None = None) -> None:
        """Offer *resource* under its class, or under *as_class*."""
        self._resources[as_class or type(resource)] = resource

    def resource(self, cls: type[Resource]) -> Resource:
        """
        Return the resource provided for *cls*.

        Raises:
            LookupError: Nobody provided one.

        """
        try:
            return self._resources[cls]  # type: ignore[return-value] # provide() keeps class and value together
        except KeyError:
            msg = f"no resource {cls.__name__}: its plugin provides it in jobframe_lifespan; is it loaded?"
            raise LookupError(msg) from None


class FollowUp(Protocol):
    """A checked and encoded job that waits for its parent's completion."""

    @property
    def type(self) -> str:
        """Job type."""

    @property
    def unique(self) -> str:
        """Unique part of its id."""

    @property
    def size(self) -> int:
        """Bytes that it adds to its parent's settling."""


class _Turn:
    """Awaited, it lets others run; not awaited, it is no loss: a helper in a thread of an async handler cannot."""

    def __await__(self) -> Iterator[None]:
        yield


_LET_OTHERS_RUN = _Turn()


class Notes(Protocol):
    """What carries out `Context.progress` and `Context.once`."""

    def report(self, context: Context) -> None:
        """Write soon what *context* has reported last; callable from any thread."""

    async def mark(self, context: Context, step: str) -> Iterable[str]:
        """Mark a step as done, none when it is empty, and return the names of all that are."""


class Services(Protocol):
    """What the runtime gives every context."""

    app: App
    jobs: Any
    blocking_jobs: Any

    @property
    def notes(self) -> Notes:
        """What handlers note of their jobs goes here."""

    @property
    def worker_id(self) -> str:
        """Name of the worker that holds the jobs."""

    async def prepare(self, job: NewJob) -> FollowUp:
        """Check and encode a follow-up now."""


class Context:
    """
    One attempt of one job, as its handler sees it.

    Attributes:
        job_id: Job id.
        type: Job type.
        attempt: Number of this attempt, from 1.
        max_attempts: The last attempt's number: ``max_retries`` + 1.
        fence: Rises with every claim of the namespace; write it with outside effects so that a late writer is refused.
        enqueued_at: When the job was enqueued, server clock.
        deadline: When this attempt times out, this machine's clock.
        headers: The small strings enqueued with the job.
        follow_ups: What `enqueue` has gathered so far.
        reported: The newest `progress`.
        written: That of them which the store has last taken.
        secret: JSON list of the sealed values that it tells nobody.

    """

    __slots__ = (
        "_deadline_ms", "_enqueued_ms", "_loop", "_services", "_steps",
        "attempt", "fence", "follow_ups", "headers", "job_id", "max_attempts", "reported", "secret", "type", "written",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        job_id: str,
        attempt: int,
        max_attempts: int,
        fence: int,
        enqueued_ms: int,
        deadline_ms: int,
        headers: Mapping[str, str] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Hold what the claim answered; with *loop* the verbs block and are carried out there."""
        self._services = services
        self.job_id = job_id
        self.type = job_id.partition(":")[0]
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.fence = fence
        self._enqueued_ms = enqueued_ms
        self._deadline_ms = deadline_ms
        self.headers: Mapping[str, str] = headers or {}
        self.follow_ups: list[FollowUp] = []
        self.reported: Progress | None = None
        self.written: Progress | None = None
        self._steps: Steps | None = None
        self._loop = loop
        self.secret = b""

    @property
    def enqueued_at(self) -> dt.datetime:
        """When the job was enqueued, server clock."""
        return clock.from_ms(self._enqueued_ms)

    @property
    def deadline(self) -> dt.datetime:
        """When this attempt times out, this machine's clock."""
        return clock.from_ms(self._deadline_ms)

    @property
    def times_ms(self) -> tuple[int, int]:
        """Enqueue time and deadline in milliseconds."""
        return self._enqueued_ms, self._deadline_ms

    @property
    def worker(self) -> str:
        """Name of the worker that holds this job."""
        return self._services.worker_id

    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        """A logger that names this job on every line; log no payload values with it. Sealed ones are masked."""
        import structlog  # noqa: PLC0415 - most handlers never log

        if self.secret:
            from jobframe.core.secret_log import masked_logger  # noqa: PLC0415 - as above

            return masked_logger(self.type, self.secret).bind(job=self.job_id, attempt=self.attempt)  # type: ignore[no-any-return]
        return structlog.get_logger(self.type).bind(job=self.job_id, attempt=self.attempt)  # type: ignore[no-any-return]

    @property
    def jobs(self) -> Any:
        """
        The client that sends at once, for fan-out and for work that must be queued before a cursor moves.

        A `Jobs` in an ``async def`` handler, a `SyncJobs` in a plain ``def``.
        """
        return self._services.jobs if self._loop is None else self._services.blocking_jobs

    def resource(self, cls: type[Resource]) -> Resource:
        """
        Return the resource that a plugin provided for *cls*; a plugin's own settings class is one.

        Raises:
            LookupError: Nobody provided one.

        """
        return self._services.app.resource(cls)

    def enqueue(self, type: Any, payload: Any = None, **options: Any) -> Any:
        """
        Add a follow-up job: checked now, sent by the very script that completes this job, dropped if it does not.

        Args:
            type: Job type, by name or as the `JobType`.
            payload: As in `Jobs.enqueue`.
            **options: As in `Jobs.enqueue`.

        Returns:
            The follow-up's job id; to be awaited in an ``async def`` handler, at once in a plain ``def``.

        Raises:
            PayloadError: It does not fit its type, or a job has over 256 follow-ups or 1 MiB of them.
            UnknownJobType: Nobody ever announced the type.

        """
        work = self._add_follow_up(NewJob(type, payload, **options))
        if self._loop is None:
            return work
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def progress(self, done: float, total: float | None = None, note: str = "") -> Any:
        """
        Report how far this job has come, for operators; a tight loop may, for only the newest is written now and then.

        Args:
            done: Steps done, in whatever you count.
            total: Steps in all; None when nobody knows.
            note: A few words, cut off after 200 characters; payload values are masked in them.

        Returns:
            In an ``async def`` handler, what lets others run when it is awaited.

        Raises:
            ValueError: *done* or *total* is no number from 0 to 2**53, or *total* is below *done*.

        """
        self.reported = Progress.reported(done, total, note)
        self._services.notes.report(self)
        return _LET_OTHERS_RUN if self._loop is None else None

    def once(self, step: str) -> Any:
        """
        Do a block of the handler once for this job, whatever becomes of its attempts.

        ``async with ctx.once("charge") as first:``, in a plain ``def`` without ``async``. *first* is true until the
        block has once ended without an exception; an end between its effect and the mark repeats the effect.

        Args:
            step: A name of the block, the same in every attempt: up to 128 printable characters, 256 names a job.

        Raises:
            ValueError: The name is none or holds a sealed value, or, when the block begins, it would be the 257th.
            Fenced: When the block begins or ends: another run owns the job by now. Let it end the handler.

        """
        if self.secret and masker(self.secret)(step) != step:
            raise ValueError("once: the name of a step holds a restricted value, and would be kept in clear")
        if self._steps is None:
            self._steps = Steps(self.job_id, self._mark)
        once = Once(self._steps, step)
        return once if self._loop is None else BlockingOnce(once, self._loop)

    async def _mark(self, step: str) -> Iterable[str]:
        return await self._services.notes.mark(self, step)

    @property
    def unwritten(self) -> Progress | None:
        """The newest `progress`, unless the store has it."""
        return None if self.reported is self.written else self.reported

    async def _add_follow_up(self, job: NewJob) -> str:
        from jobframe.core.errors import PayloadError  # noqa: PLC0415 - keeps the happy path's imports small

        follow_up = await self._services.prepare(job)
        size = follow_up.size + sum(other.size for other in self.follow_ups)
        if len(self.follow_ups) >= MAX_FOLLOW_UPS or size > MAX_FOLLOW_UP_BYTES:
            raise PayloadError(
                self.type, "over 256 follow-ups or 1 MiB of them: send the rest with ctx.jobs.enqueue_many"
            )
        self.follow_ups.append(follow_up)
        return ids.join(follow_up.type, follow_up.unique)

    def __repr__(self) -> str:
        """Job id and attempt."""
        return f"<Context {self.job_id} attempt {self.attempt}/{self.max_attempts}>"
