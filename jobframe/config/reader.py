"""Reads jobs.toml and the environment into one `Config`, or says everything that is wrong with them."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import tomli

from jobframe.config.environment import read_environment
from jobframe.config.essentials import CONFIG, DEFAULT_PATH, REDIS_URL, TABLES
from jobframe.config.lines import Lines, find_lines, in_file_order
from jobframe.config.policies import read_job_tables, read_policy_table
from jobframe.config.resources import read_resources
from jobframe.config.schedules import read_schedules
from jobframe.config.schema import (
    ArqConfig,
    Config,
    EncryptionConfig,
    Environment,
    LoggingConfig,
    PluginsConfig,
    RedisConfig,
    RuntimeConfig,
    StatusConfig,
)
from jobframe.config.strict import Invalid, kind, structure
from jobframe.config.variables import lay_over
from jobframe.core.errors import ConfigError, Problem
from jobframe.core.keyring import NO_KEYS, Keyring, parse_keyring
from jobframe.core.policy import nearest

__all__ = ["examine", "read"]

T = TypeVar("T")


def read(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """
    Read the configuration.

    Args:
        path: The file; None is the one that ``JOBFRAME_CONFIG`` names, else ``jobs.toml`` if there is one, else none.
        environ: The environment.

    Raises:
        ConfigError: With every problem found.

    """
    config, problems = examine(path, environ)
    if problems:
        raise ConfigError(*problems)
    return config


def examine(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[Config, tuple[Problem, ...]]:
    """
    Read the configuration as far as it can be read, so that more can be checked against it.

    Returns:
        The configuration without what is wrong, and what is wrong.

    Raises:
        ConfigError: Nothing can be said about the rest: the file cannot be read or is no TOML, or ``[plugins]``, which
            says what may be imported, is wrong.

    """
    environment, problems = read_environment(environ)
    path = _find(path, environment)
    try:
        file = _load(path) if path else _File()
    except ConfigError as error:
        raise ConfigError(*error.problems, *problems) from None
    tables, variables = lay_over(file.tables, environ, TABLES, problems)
    if environment.redis_url:
        variables = {**variables, ("redis", "url"): REDIS_URL}
    lines = Lines(str(path or ""), find_lines(file.text), variables)
    config = _read_tables(tables, lines, problems, environment)
    keyring = _read_keys(config.encryption.keys_env, environ, problems)
    config = attrs.evolve(config, keyring=keyring, path=path, fingerprint=file.fingerprint, edited_ms=file.edited_ms)
    if not _imports_are_settled(problems):
        raise ConfigError(*in_file_order(problems))
    return config, in_file_order(problems)


@attrs.frozen
class _File:
    text: str = ""
    tables: Mapping[str, Any] = attrs.field(factory=dict)
    fingerprint: str = ""
    edited_ms: int = 0


def _imports_are_settled(problems: list[Problem]) -> bool:
    """Tell whether no problem is about ``[plugins]``, nor about a table that may be meant to be it."""
    tables = {problem.path.partition(".")[0] for problem in problems}
    return not difflib.get_close_matches("plugins", tables)


def _find(path: str | os.PathLike[str] | None, environment: Environment) -> Path | None:
    if path is not None:
        return Path(path)
    return environment.config_path or (DEFAULT_PATH if DEFAULT_PATH.exists() else None)


def _load(path: Path) -> _File:
    try:
        edited_ms = path.stat().st_mtime_ns // 1_000_000
        text = path.read_bytes().decode("utf-8-sig")
        fingerprint = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        return _File(text, tomli.loads(text), fingerprint, edited_ms)
    except FileNotFoundError:
        message, line = f"there is no such file: check --config and {CONFIG}, or let `jobframe init` write one", 0
    except OSError as error:
        message, line = f"cannot be read: {error.strerror}", 0
    except UnicodeDecodeError as error:
        message, line = "is not UTF-8 text", error.object.count(b"\n", 0, error.start) + 1
    except tomli.TOMLDecodeError as error:
        message, line = f"is no TOML: {error.msg} at column {error.colno}", error.lineno
    raise ConfigError(Problem("", message, str(path), line))


def _read_tables(tables: Mapping[str, Any], lines: Lines, problems: list[Problem], environment: Environment) -> Config:
    problems += [
        lines.problem((name,), f"unknown table {name!r}{nearest(name, list(TABLES))}")
        for name in tables
        if name not in TABLES
    ]
    redis = _structure(tables, "redis", RedisConfig, lines, problems)
    return Config(
        redis=attrs.evolve(redis, url=environment.redis_url or redis.url),
        runtime=_structure(tables, "runtime", RuntimeConfig, lines, problems),
        defaults=read_policy_table(tables.get("defaults", {}), ("defaults",), lines, problems),
        jobs=read_job_tables(tables.get("jobs", {}), lines, problems),
        resources=read_resources(tables.get("resources", {}), lines, problems),
        schedules=read_schedules(tables.get("schedules", {}), lines, problems),
        status=_structure(tables, "status", StatusConfig, lines, problems),
        arq=_structure(tables, "arq", ArqConfig, lines, problems),
        logging=_structure(tables, "logging", LoggingConfig, lines, problems),
        plugins=_structure(tables, "plugins", PluginsConfig, lines, problems),
        encryption=_structure(tables, "encryption", EncryptionConfig, lines, problems),
        settings=_settings(tables.get("settings", {}), lines, problems),
        environment=environment,
        lines=lines,
    )


def _read_keys(variable: str, environ: Mapping[str, str], problems: list[Problem]) -> Keyring:
    try:
        return parse_keyring(environ.get(variable, ""))
    except ValueError as error:
        problems.append(Problem("", str(error), variable))
        return NO_KEYS


def _structure(tables: Mapping[str, Any], name: str, cls: type[T], lines: Lines, problems: list[Problem]) -> T:
    try:
        return structure(tables.get(name, {}), cls)
    except Invalid as invalid:
        problems += [lines.problem((name, *path), message) for path, message in invalid.mistakes]
        return cls()


def _settings(tables: object, lines: Lines, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    if not isinstance(tables, dict):
        problems.append(lines.problem(("settings",), f"expected a table for each plugin, got {kind(tables)}"))
        return {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            problems.append(lines.problem(("settings", name), f"expected a table, got {kind(table)}"))
    return {name: table for name, table in tables.items() if isinstance(table, dict)}
