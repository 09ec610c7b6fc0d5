"""A job type: its handler, the class of its payload, its author's defaults; and the decorator that makes one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, update_wrapper
from typing import Any

from jobframe.core.batch import LARGEST_BATCH
from jobframe.core.named_fields import refused_field, refused_unique
from jobframe.core.payload import Shape
from jobframe.core.policy import parse_key
from jobframe.core.signature import payload_class, payload_class_of_batch

__all__ = ["JobType", "check_name", "declared", "job"]

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*")
_LONGEST_NAME = 64
_declared: dict[str, JobType] = {}

Upcast = Callable[[int, dict[str, Any]], dict[str, Any]]
"""From a version and the fields of its payload to those of the present version."""


class JobType:
    r"""
    One kind of job; calling it calls its handler.

    Attributes:
        name: ``[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*``, at most 64 characters.
        version: Version of its payload's shape, from 1.
        handler: ``(ctx, payload)`` or ``(ctx)``, with *batch* a list of `Job`; async or plain.
        batch: Most jobs of one call of the handler; None for a handler of one job.
        upcast: Turns the fields of an older version into those of this one; None when they still fit.
        shape: What its payload must look like.
        is_async: Whether the handler is an ``async def``.
        policy: The author's defaults: `Policy` attribute → value.
        run: Calls a handler of one job with context and payload, whether it takes a payload or not.

    """

    def __init__(
        self,
        name: str,
        version: int,
        handler: Callable[..., Any],
        policy: Mapping[str, object],
        batch: int | None = None,
        upcast: Upcast | None = None,
    ) -> None:
        """
        Check everything that can be checked when the type is declared.

        Raises:
            ValueError: A bad name, version, batch, handler signature or policy value.
            PayloadError: The payload class cannot be carried by JSON.

        """
        self.name = check_name(name)
        if type(version) is not int or version < 1:
            msg = f"job type {name}: version must be a whole number from 1, got {version!r}"
            raise ValueError(msg)
        self.version = version
        self.handler = handler
        self.is_async = inspect.iscoroutinefunction(handler)
        self.batch = _check_batch(name, batch)
        self.upcast = _check_upcast(name, version, upcast)
        self.shape = Shape(name, (payload_class if batch is None else payload_class_of_batch)(name, handler))
        self.run: Callable[[Any, Any], Any] = handler if self.shape.cls is not None else _without_payload(handler)
        self.policy = {"run_in": "loop" if self.is_async else "thread", **_parse_policy(name, policy)}
        if self.policy["run_in"] == ("thread" if self.is_async else "loop"):
            kind, right = ("an async def", "loop") if self.is_async else ("a plain def", "thread")
            msg = f'job type {name}: {kind} handler runs in "{right}" or "process", not in "{self.policy["run_in"]}"'
            raise ValueError(msg)
        for field in self.policy.get("encrypt", ()):
            if field not in self.shape.fields:
                raise ValueError(f"job type {name}: encrypt: {self.shape.refuse(field).problem}")
        _check_unique(self)
        _check_group(self)
        update_wrapper(self, handler)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the handler itself, as a test would."""
        return self.handler(*args, **kwargs)

    def __repr__(self) -> str:
        """Name and version."""
        return f"<JobType {self.name} v{self.version}>"


def job(
    name: str, *, version: int = 1, batch: int | None = None, upcast: Upcast | None = None, **policy: Any
) -> Callable[[Callable[..., Any]], JobType]:
    """
    Declare the decorated function as the handler of job type *name*.

    With *batch* the handler takes ``jobs: list[Job[Payload]]``, those that one claim brought, and returns a list of as
    many results, exceptions or signals, in their order. Each job keeps its own lease, fence, slot and outcome; limits
    count jobs. The timeout is the call's. An exception that it raises, and a list of another length, is the failed
    attempt of every job of the call.

    Args:
        name: Type name; by habit ``<plugin>.<verb>``.
        version: Version of the payload's shape.
        batch: Most jobs of one call, 1 to 256; without it every job has a call of its own.
        upcast: ``upcast(version, fields)`` takes the fields of a payload of an older *version* as a dict and returns
            them as this version has them; without it an older payload must still fit the class.
        **policy: The author's defaults, with the keys and values of ``jobs.toml``, which wins: ``timeout="2m"``.

    Raises:
        ValueError: A bad name, version, batch, upcast, handler signature or policy value.
        PayloadError: The payload class cannot be carried by JSON.

    """

    def declare(handler: Callable[..., Any]) -> JobType:
        job_type = JobType(name, version, handler, policy, batch, upcast)
        _declared[name] = job_type
        return job_type

    return declare


def declared() -> Mapping[str, JobType]:
    """Return every job type declared by code that this process has imported, by name; the last of a name wins."""
    return _declared


@lru_cache(maxsize=1024)
def check_name(name: str) -> str:
    """
    Return *name* when it can name a job type.

    Raises:
        ValueError: It cannot.

    """
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        msg = f"job type name {name!r}: use lower-case words joined by dots, at most {_LONGEST_NAME} characters"
        raise ValueError(msg)
    return name


def _check_batch(name: str, batch: object) -> int | None:
    if batch is None or (type(batch) is int and 1 <= batch <= LARGEST_BATCH):
        return batch
    msg = f"job type {name}: batch must be a whole number from 1 to {LARGEST_BATCH}, got {batch!r}"
    raise ValueError(msg)


def _check_upcast(name: str, version: int, upcast: Upcast | None) -> Upcast | None:
    if upcast is None or (callable(upcast) and not inspect.iscoroutinefunction(upcast) and version > 1):
        return upcast
    msg = f"job type {name}: upcast must be a plain function (version, fields) -> fields, and version 2 or later"
    raise ValueError(msg)


def _check_unique(job_type: JobType) -> None:
    unique, shape = job_type.policy.get("unique"), job_type.shape
    sealed = shape.sealed(job_type.policy.get("encrypt", ()))
    if unique and (refused := refused_unique(job_type.name, unique, shape.fields, sealed)):
        msg = f"job type {job_type.name}: unique {refused[0]}: {refused[1]}"
        raise ValueError(msg)


def _check_group(job_type: JobType) -> None:
    group, shape = job_type.policy.get("group"), job_type.shape
    by = (group.by,) if group else ()
    if problem := refused_field(job_type.name, by, shape.fields, shape.sealed(job_type.policy.get("encrypt", ()))):
        msg = f"job type {job_type.name}: group by: {problem}"
        raise ValueError(msg)


def _without_payload(handler: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda context, _: handler(context)


def _parse_policy(name: str, policy: Mapping[str, object]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for key, value in policy.items():
        try:
            attribute, parsed_value = parse_key(key, value)
        except KeyError as error:
            msg = f"job type {name}: {error.args[0]}"
            raise ValueError(msg) from None
        except ValueError as error:
            msg = f"job type {name}: {key}: {error}"
            raise ValueError(msg) from None
        parsed[attribute] = parsed_value
    return parsed
