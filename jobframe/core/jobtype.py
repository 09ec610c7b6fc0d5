"""A job type: its handler, the class of its payload, its author's defaults; and the decorator that makes one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, update_wrapper
from typing import Any

from jobframe.core.errors import PayloadError
from jobframe.core.payload import Shape
from jobframe.core.policy import parse_key

__all__ = ["JobType", "check_name", "declared", "job"]

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*")
_LONGEST_NAME = 64
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_declared: dict[str, JobType] = {}


class JobType:
    r"""
    One kind of job; calling it calls its handler.

    Attributes:
        name: ``[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*``, at most 64 characters.
        version: Version of its payload's shape, from 1.
        handler: ``(ctx, payload)`` or ``(ctx)``, async or plain.
        shape: What its payload must look like.
        is_async: Whether the handler is an ``async def``.
        policy: The author's defaults: `Policy` attribute → value.

    """

    def __init__(self, name: str, version: int, handler: Callable[..., Any], policy: Mapping[str, object]) -> None:
        """
        Check everything that can be checked when the type is declared.

        Raises:
            ValueError: A bad name, version, handler signature or policy value.
            PayloadError: The payload class cannot be carried by JSON.

        """
        self.name = check_name(name)
        if type(version) is not int or version < 1:
            msg = f"job type {name}: version must be a whole number from 1, got {version!r}"
            raise ValueError(msg)
        self.version = version
        self.handler = handler
        self.is_async = inspect.iscoroutinefunction(handler)
        self.shape = Shape(name, _payload_class(name, handler))
        self.policy = {"run_in": "loop" if self.is_async else "thread", **_parse_policy(name, policy)}
        if self.policy["run_in"] == ("thread" if self.is_async else "loop"):
            kind, right = ("an async def", "loop") if self.is_async else ("a plain def", "thread")
            msg = f'job type {name}: {kind} handler runs in "{right}" or "process", not in "{self.policy["run_in"]}"'
            raise ValueError(msg)
        update_wrapper(self, handler)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the handler itself, as a test would."""
        return self.handler(*args, **kwargs)

    def run(self, context: Any, payload: Any) -> Any:
        """Call the handler as it was declared: with the payload, or without one when the type has no fields."""
        return self.handler(context) if self.shape.cls is None else self.handler(context, payload)

    def __repr__(self) -> str:
        """Name and version."""
        return f"<JobType {self.name} v{self.version}>"


def job(name: str, *, version: int = 1, **policy: Any) -> Callable[[Callable[..., Any]], JobType]:
    """
    Declare the decorated function as the handler of job type *name*.

    Args:
        name: Type name; by habit ``<plugin>.<verb>``.
        version: Version of the payload's shape.
        **policy: The author's defaults, with the keys and values of ``jobs.toml``, which wins: ``timeout="2m"``.

    Raises:
        ValueError: A bad name, version, handler signature or policy value.
        PayloadError: The payload class cannot be carried by JSON.

    """

    def declare(handler: Callable[..., Any]) -> JobType:
        job_type = JobType(name, version, handler, policy)
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


def _payload_class(name: str, handler: Callable[..., Any]) -> type | None:
    signature = inspect.signature(handler)
    parameters = list(signature.parameters.values())
    if len(parameters) not in (1, 2) or any(each.kind not in _POSITIONAL for each in parameters):
        msg = f"job type {name}: the handler takes (ctx) or (ctx, payload), not {signature}"
        raise ValueError(msg)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        msg = f"job type {name}: the handler yields; it must return its result"
        raise ValueError(msg)
    return _annotated_class(name, handler, parameters[1]) if len(parameters) > 1 else None


def _annotated_class(name: str, handler: Callable[..., Any], parameter: inspect.Parameter) -> type:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, getattr(handler, "__globals__", {}))  # noqa: S307 - the author's own annotation
        except NameError:
            problem = f"the class {annotation} of the handler's parameter must stand at the top level of its module"
            raise PayloadError(name, problem) from None
    if not isinstance(annotation, type) or annotation is inspect.Parameter.empty:
        raise PayloadError(name, f"annotate the handler's parameter {parameter.name!r} with an attrs class")
    return annotation
