"""How a handler was declared: what it takes, read from its signature once."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from jobframe.core.batch import Job
from jobframe.core.errors import PayloadError

__all__ = ["payload_class", "payload_class_of_batch"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def payload_class(name: str, handler: Callable[..., Any]) -> type | None:
    """
    Return the class of the payload that *handler* of type *name* takes; None when it takes none.

    Raises:
        ValueError: It does not take ``(ctx)`` or ``(ctx, payload)``, or it yields.
        PayloadError: Its payload is not annotated with a class.

    """
    parameters = _parameters(handler)
    if len(parameters) not in (1, 2) or not _are_positional(parameters):
        msg = f"job type {name}: the handler takes (ctx) or (ctx, payload), not {inspect.signature(handler)}"
        raise ValueError(msg)
    _refuse_generator(name, handler)
    if len(parameters) > 1:
        return _a_class(name, parameters[1], _annotation(name, handler, parameters[1]))
    if "list[" in (annotation := str(parameters[0].annotation)) and "Job[" in annotation:
        msg = f'job type {name}: a handler of lists of jobs needs its greatest number: @job("{name}", batch=32)'
        raise ValueError(msg)
    return None


def payload_class_of_batch(name: str, handler: Callable[..., Any]) -> type | None:
    """
    Return the class of the payloads that batch *handler* of type *name* takes; None when they have no fields.

    Raises:
        ValueError: It does not take one list, or it yields.
        PayloadError: Its parameter is not annotated as ``list[Job[Payload]]``.

    """
    parameters = _parameters(handler)
    if len(parameters) != 1 or not _are_positional(parameters):
        signature = inspect.signature(handler)
        msg = f"job type {name}: with batch the handler takes (jobs: list[jobframe.Job[Payload]]), not {signature}"
        raise ValueError(msg)
    _refuse_generator(name, handler)
    (parameter,) = parameters
    annotation = _annotation(name, handler, parameter)
    (member,) = typing.get_args(annotation) if typing.get_origin(annotation) is list else (None,)
    if typing.get_origin(member) is not Job:
        problem = f"annotate the handler's parameter {parameter.name!r} as list[jobframe.Job[Payload]], with its class"
        raise PayloadError(name, problem)
    (payload,) = typing.get_args(member)
    return None if payload is type(None) else _a_class(name, parameter, payload)


def _parameters(handler: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(handler).parameters.values())


def _are_positional(parameters: list[inspect.Parameter]) -> bool:
    return all(each.kind in _POSITIONAL for each in parameters)


def _refuse_generator(name: str, handler: Callable[..., Any]) -> None:
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        msg = f"job type {name}: the handler yields; it must return its result"
        raise ValueError(msg)


def _annotation(name: str, handler: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, getattr(handler, "__globals__", {}))  # noqa: S307 - the author's own annotation
    except NameError as error:
        problem = f"the class {error.name} of the handler's parameter must stand at the top level of its module"
        raise PayloadError(name, problem) from None


def _a_class(name: str, parameter: inspect.Parameter, annotation: Any) -> type:
    if not isinstance(annotation, type) or annotation is inspect.Parameter.empty:
        raise PayloadError(name, f"annotate the handler's parameter {parameter.name!r} with an attrs class")
    return annotation
