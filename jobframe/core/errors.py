"""The one tree of errors: each carries its data and says what to do next, none carries a payload."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Sequence
from typing import Any

import attrs

__all__ = [
    "ConfigError",
    "Fenced",
    "JobCancelled",
    "JobFailed",
    "JobNotFound",
    "JobframeError",
    "PayloadError",
    "PluginError",
    "Problem",
    "QueueFull",
    "RestrictedField",
    "StoreFull",
    "StoreUnavailable",
    "Timeout",
    "UnknownJobType",
]


class JobframeError(Exception):
    """
    Base of every error that jobframe raises on purpose.

    Attributes:
        accepted: Handles of the jobs that `Jobs.enqueue_many` had enqueued before this ended it.

    """

    accepted: Sequence[Any] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as text and data: the arguments of the constructor are not kept."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined] # not in the stub


_UNKNOWN = re.compile(r"unknown (key|table|plugin|job type)\b")
_HINT = re.compile(r": ((?:did you mean|known are) .*)$")


def _kind(problem: Problem) -> str:
    found = _UNKNOWN.match(problem.message)
    return f"unknown-{found[1].replace('job ', '')}" if found else "invalid"


@attrs.frozen
class Problem:
    """
    One mistake in a configuration.

    Attributes:
        path: Dotted path of the value, for example ``jobs."reembed.document".timeout``.
        message: What is wrong and what would be right; never a secret.
        file: The file it stands in, or the name of the environment variable; empty when neither.
        line: Line in that file, from 1; 0 when not known.
        code: What kind of mistake, one word for programs.

    """

    path: str
    message: str
    file: str = ""
    line: int = 0
    code: str = attrs.field(default=attrs.Factory(_kind, takes_self=True), eq=False)

    @property
    def hint(self) -> str:
        """The end of the message that names what was probably meant, or what is known; empty when there is none."""
        found = _HINT.search(self.message)
        return found[1] if found else ""

    def __str__(self) -> str:
        """``file:line: path: message``, without the parts that are not known."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ConfigError(JobframeError):
    """
    The configuration cannot be used; all its problems at once.

    Attributes:
        problems: Every `Problem` found, in the order of the file.

    """

    def __init__(self, *problems: Problem) -> None:
        """Keep *problems*; the text is one line each."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class PluginError(JobframeError):
    """
    A plugin cannot be used.

    Attributes:
        plugin: Name of its entry point.
        reason: What happened.

    """

    def __init__(self, plugin: str, reason: str) -> None:
        """Keep *plugin* and *reason*."""
        super().__init__(f"plugin {plugin}: {reason}")
        self.plugin = plugin
        self.reason = reason


class UnknownJobType(JobframeError):
    """
    No process ever announced this job type.

    Attributes:
        type: The name asked for.
        nearest: The announced name most like it, or None.

    """

    def __init__(self, type: str, nearest: str | None = None) -> None:
        """Keep *type* and *nearest*."""
        unknown = "start a worker that has its plugin, or import its handler; `jobframe types` lists what is known"
        hint = f"did you mean {nearest!r}?" if nearest else unknown
        super().__init__(f"unknown job type {type!r}: {hint}")
        self.type = type
        self.nearest = nearest


class PayloadError(JobframeError):
    """
    A payload does not fit its job type; the text names fields and types, never values.

    Attributes:
        type: Job type.
        problem: What does not fit.

    """

    def __init__(self, type: str, problem: str) -> None:
        """Keep *type* and *problem*."""
        super().__init__(f"payload of {type!r}: {problem}")
        self.type = type
        self.problem = problem


_NO_KEY = (
    "this process has no key to seal them; set JOBFRAME_KEYS, or what [encryption] keys_env names, "
    "as the workers have it (`jobframe keys new` makes a key)"
)


class RestrictedField(JobframeError):
    """
    A job type has sealed fields, and who asks for the job cannot seal them.

    Attributes:
        type: Job type.
        fields: Names of its sealed fields.

    """

    def __init__(self, type: str, fields: tuple[str, ...], reason: str = _NO_KEY) -> None:
        """Keep *type* and *fields*; *reason* says why they cannot be sealed, and what to do."""
        super().__init__(f"job type {type!r} has restricted fields ({', '.join(fields)}): {reason}")
        self.type = type
        self.fields = fields


class QueueFull(JobframeError):
    """
    A queue holds as many waiting jobs as its policy allows.

    Attributes:
        type: Job type.
        limit: Its ``max_waiting``, in jobs.

    """

    def __init__(self, type: str, limit: int) -> None:
        """Keep *type* and *limit*."""
        super().__init__(f"queue of {type!r} is full ({limit} waiting): try later, or raise max_waiting")
        self.type = type
        self.limit = limit


class StoreUnavailable(JobframeError):
    """
    The Redis or Valkey server cannot be reached or used.

    Attributes:
        reason: What happened, without any command text.
        acknowledged: False when the call certainly had no durable effect, None when that is not known.

    """

    def __init__(self, reason: str, *, acknowledged: bool | None = None) -> None:
        """Keep *reason* and *acknowledged*."""
        super().__init__(reason)
        self.reason = reason
        self.acknowledged = acknowledged


class StoreFull(JobframeError):
    """The server is at its ``maxmemory``: nothing was enqueued; workers go on draining, so try again later."""

    def __init__(self) -> None:
        """Take no data: the server tells nothing else."""
        super().__init__("the store is out of memory: nothing was enqueued; try again later or raise maxmemory")


class JobNotFound(JobframeError):
    """
    No record of this job is kept.

    Attributes:
        id: Job id asked for.

    """

    def __init__(self, id: str) -> None:
        """Keep *id*."""
        super().__init__(f"no job {id!r}: it never existed, or its record is no longer kept")
        self.id = id


class JobFailed(JobframeError):
    """
    The job whose result was asked for ended as failed.

    Attributes:
        id: Job id.
        reason: Why, as kept with the dead letter.

    """

    def __init__(self, id: str, reason: str) -> None:
        """Keep *id* and *reason*."""
        super().__init__(f"job {id} failed: {reason}")
        self.id = id
        self.reason = reason


class JobCancelled(JobframeError):
    """
    The job whose result was asked for was cancelled.

    Attributes:
        id: Job id.
        reason: Why, as given by who cancelled it; may be empty.

    """

    def __init__(self, id: str, reason: str = "") -> None:
        """Keep *id* and *reason*."""
        super().__init__(f"job {id} was cancelled" + (f": {reason}" if reason else ""))
        self.id = id
        self.reason = reason


class Timeout(JobframeError):
    """
    The wait for a result ran out; the job itself goes on.

    Attributes:
        id: Job id.
        waited_s: Seconds waited.

    """

    def __init__(self, id: str, waited_s: float) -> None:
        """Keep *id* and *waited_s*."""
        super().__init__(f"job {id} did not end within {waited_s:g} s; it goes on")
        self.id = id
        self.waited_s = waited_s


class Fenced(JobframeError):
    """
    A run of a job that another run owns by now: its worker was taken for dead. Whatever it does no longer counts.

    Attributes:
        id: Job id.
        fence: Fence of this run; the other's is higher.

    """

    def __init__(self, id: str, fence: int) -> None:
        """Keep *id* and *fence*."""
        super().__init__(f"job {id}: another run owns it by now, this one (fence {fence}) no longer counts: end here")
        self.id = id
        self.fence = fence
