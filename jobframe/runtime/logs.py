"""How a worker writes its log: one stream, stderr, for its own lines and those of the libraries it stands on."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

__all__ = ["configure"]

_CHATTY = ("arq", "asyncio", "aiohttp.access")
"""What these tell below a warning is of no use here: arq's own loop has nothing to do."""


def configure(format: Literal["console", "json"], level: str) -> None:
    """
    Write log lines of at least *level* to stderr.

    No traceback shows local variables: they may hold payloads.

    Args:
        format: ``console`` for people, ``json`` for machines.
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.

    """
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _time_stamper(format),
    ]
    least = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=_last_steps(format)))
    logging.basicConfig(handlers=[handler], level=least, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))


def _last_steps(format: str) -> list[Any]:
    drop_own = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if format == "json":
        return [drop_own, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        drop_own,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _time_stamper(format: str) -> structlog.processors.TimeStamper:
    if format == "json":
        return structlog.processors.TimeStamper(fmt="iso", utc=True)
    return structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
