"""
What a producer needs of the configuration, read without the rest: the server, durability, plugins it may import, keys.

Classes, lines and nearest names cost a short-lived producer more than its work, so one table is looked at alone;
whatever is not plainly right in it is left to the reader, which says what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args

import tomli

from jobframe.core.errors import ConfigError, Problem
from jobframe.core.keyring import Keyring, parse_keyring

__all__ = [
    "CONFIG",
    "DEFAULT_PATH",
    "KEYS_ENV",
    "PREFIX",
    "REDIS_URL",
    "TABLES",
    "Durability",
    "durability",
    "importable",
    "keyring",
    "locate",
]

Durability = Literal["best-effort", "aof", "replicated"]

CONFIG = "JOBFRAME_CONFIG"
"""Variable that names the file."""

REDIS_URL = "JOBFRAME_REDIS_URL"
"""Variable that names the server."""

KEYS_ENV = "JOBFRAME_KEYS"
"""Variable that holds the keys, unless ``[encryption]`` names another."""

PREFIX = "JOBFRAME__"
"""What the variable of any key starts with."""

DEFAULT_PATH = Path("jobs.toml")
"""Read when no other file is named, and not missed when it is not there."""

TABLES = (
    "redis", "runtime", "defaults", "jobs", "resources", "schedules", "status", "arq", "logging", "plugins",
    "encryption", "settings",
)  # fmt: skip
"""The tables that a jobs.toml may have."""


def locate(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[str | None, str]:
    """
    Return the server's URL, None for the embedded one, and the namespace, as `reader.read` does.

    Raises:
        ConfigError: The file cannot be read, its ``[redis]`` is wrong, or it has a table that may be meant to be it.

    """
    table = _look("redis", path, environ)
    if table is not None and _is_plain(table):
        return environ.get(REDIS_URL) or table.get("url"), table.get("namespace", "default")
    from jobframe.config.reader import read  # noqa: PLC0415 - what this module is there to avoid

    redis = read(path, environ).redis
    return redis.url, redis.namespace


def durability(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Durability:
    """
    Return ``durability`` of ``[runtime]``, as `reader.read` does.

    Raises:
        ConfigError: The file cannot be read or is wrong.

    """
    table = _look("runtime", path, environ)
    for word in get_args(Durability):
        if table is not None and table.get("durability", "aof") == word:
            return cast("Durability", word)
    from jobframe.config.reader import read  # noqa: PLC0415 - as above

    return read(path, environ).runtime.durability


def importable(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """
    Return ``allow`` and ``disable`` of ``[plugins]``, as `reader.read` does.

    Raises:
        ConfigError: The file cannot be read or is wrong.

    """
    if _look("plugins", path, environ) == {}:
        return None, ()
    from jobframe.config.reader import read  # noqa: PLC0415 - as above

    plugins = read(path, environ).plugins
    return plugins.allow, plugins.disable


def keyring(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Keyring:
    """
    Return the keys that payload fields are sealed with, as `reader.read` does.

    Raises:
        ConfigError: They are no keys, or the file cannot be read or is wrong.

    """
    if _look("encryption", path, environ) != {}:
        from jobframe.config.reader import read  # noqa: PLC0415 - as above

        return read(path, environ).keyring
    try:
        return parse_keyring(environ.get(KEYS_ENV, ""))
    except ValueError as error:
        raise ConfigError(Problem("", str(error), KEYS_ENV)) from None


def _look(name: str, path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the table of that *name* as written, empty when there is none; None when that takes a closer look."""
    if any(variable.upper().startswith(PREFIX) for variable in environ):
        return None
    named = path or environ.get(CONFIG)
    try:
        tables = tomli.loads(Path(named or DEFAULT_PATH).read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        return None if named else {}
    except (OSError, ValueError):
        return None
    table = tables.get(name, {})
    return table if isinstance(table, dict) and tables.keys() <= set(TABLES) else None


def _is_plain(table: dict[str, Any]) -> bool:
    texts = all(isinstance(value, str) and value for value in table.values())
    return texts and table.keys() <= {"url", "namespace"} and table.get("namespace", "default").isalnum()
