"""Whether a server is fit to hold jobs: one judgement, for a starting worker, ``/readyz``, ``check`` and ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs

from jobframe.core.duration import span
from jobframe.store.stats import ServerFacts

__all__ = ["About", "Concern", "concerns"]

About = Literal["version", "role", "eviction", "persistence", "replicas", "memory", "clock"]

_OLDEST_REDIS = (7, 0)
"""The first that reads the flags of a script, which let workers go on while memory is full."""

_LARGEST_OFFSET_MS = 2_000


@attrs.frozen
class Concern:
    """
    Something about a server that an operator should know.

    Attributes:
        about: What it is about.
        refuses: Whether a worker does not start with it.
        text: What is wrong and what to do about it.

    """

    about: About
    refuses: bool
    text: str


def concerns(server: ServerFacts, durability: str, offset_ms: int = 0) -> Iterator[Concern]:
    """
    Say what is wrong with *server* for jobs of that ``durability``.

    Args:
        server: What it tells of itself.
        durability: As ``[runtime]`` has it.
        offset_ms: How far this machine's clock is ahead of the server's.

    """
    best_effort = durability == "best-effort"
    if server.version < _OLDEST_REDIS:
        version = ".".join(map(str, server.version))
        yield Concern("version", True, f"the server speaks as Redis {version}: jobs need Redis 7.0, or Valkey")
    if server.replica:
        text = "the server is a replica, which takes no writes: name the primary in [redis] url, or its sentinels"
        yield Concern("role", True, text)
    if server.evicts:
        text = (
            "the server's maxmemory-policy drops keys when it is full, and jobs with them: set it to noeviction, or "
            'ask for no more than durability = "best-effort"'
        )
        yield Concern("eviction", not best_effort, text)
    if not server.aof and not best_effort:
        text = "the server keeps no append-only file, so a restart may lose jobs: set its appendonly to yes"
        yield Concern("persistence", False, text)
    if durability == "replicated" and not server.replica and not server.replicas:
        text = (
            'no replica follows the server, and durability = "replicated" waits for one, so nothing can be enqueued: '
            'start a replica, or ask for durability = "aof"'
        )
        yield Concern("replicas", False, text)
    if server.full:
        yield Concern("memory", False, "the server is at its maxmemory: enqueueing is refused, workers go on")
    if abs(offset_ms) >= _LARGEST_OFFSET_MS:
        way = "ahead of" if offset_ms > 0 else "behind"
        text = f"this machine's clock is {span(abs(offset_ms))} {way} the server's, by which jobs come due: set it"
        yield Concern("clock", False, text)
