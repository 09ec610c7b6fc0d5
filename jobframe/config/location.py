"""Where the server is, read without the rest of the configuration: all that a producer needs of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import tomli

__all__ = ["TABLES", "locate"]

TABLES = ("redis", "runtime", "defaults", "jobs", "status", "arq", "logging", "plugins", "settings")
"""The tables that a jobs.toml may have."""

_NEEDS_A_FULL_READING = "JOBFRAME__REDIS__"


def locate(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[str | None, str]:
    """
    Return the server's URL, None for the embedded one, and the namespace, as `reader.read` does.

    Classes, lines and nearest names cost a short-lived producer more than its work, so ``[redis]`` is looked at alone;
    whatever is not plainly right in it is left to the reader, which says what is wrong.

    Raises:
        ConfigError: The file cannot be read, its ``[redis]`` is wrong, or it has a table that may be meant to be it.

    """
    plain = None if any(name.startswith(_NEEDS_A_FULL_READING) for name in environ) else _look(path, environ)
    if plain is not None:
        return environ.get("JOBFRAME_REDIS_URL") or plain.get("url"), plain.get("namespace", "default")
    from jobframe.config.reader import read  # noqa: PLC0415 - what this module is there to avoid

    redis = read(path, environ).redis
    return redis.url, redis.namespace


def _look(path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> dict[str, str] | None:
    """Return ``[redis]`` as written; None when that takes a closer look."""
    file = Path(path or environ.get("JOBFRAME_CONFIG") or "jobs.toml")
    try:
        tables = tomli.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        return None if path or environ.get("JOBFRAME_CONFIG") else {}
    except (OSError, ValueError):
        return None
    table = tables.get("redis", {})
    if not tables.keys() <= set(TABLES) or not isinstance(table, dict) or not table.keys() <= {"url", "namespace"}:
        return None
    if not all(isinstance(value, str) and value for value in table.values()):
        return None
    return table if table.get("namespace", "default").isalnum() else None
