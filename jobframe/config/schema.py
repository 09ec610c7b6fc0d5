"""The tables of jobs.toml as frozen classes: their keys, defaults and ranges; durations are ``_ms`` inside."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
from packaging.requirements import InvalidRequirement, Requirement

from jobframe.config.essentials import KEYS_ENV, Durability
from jobframe.config.lines import Lines
from jobframe.config.variables import Given
from jobframe.core.backoff import Strategy
from jobframe.core.duration import format_ms
from jobframe.core.form import takes
from jobframe.core.keyring import NO_KEYS, Keyring
from jobframe.core.schedule import Schedule

__all__ = [
    "ArqConfig",
    "Config",
    "EncryptionConfig",
    "Environment",
    "LoggingConfig",
    "PluginsConfig",
    "RedisConfig",
    "RuntimeConfig",
    "StatusConfig",
]

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _between(low: int, high: int) -> Validator:
    @takes(minimum=low, maximum=high)
    def check(_table: object, _field: object, value: int) -> None:
        if not low <= value <= high:
            msg = f"expected a whole number from {low} to {high}, got {value}"
            raise ValueError(msg)

    return check


def _lasting(low_ms: int, high_ms: int) -> Validator:
    @takes(description=f"From {format_ms(low_ms)} to {format_ms(high_ms)}.")
    def check(_table: object, _field: object, value: int) -> None:
        if not low_ms <= value <= high_ms:
            msg = f"expected a duration from {format_ms(low_ms)} to {format_ms(high_ms)}, got {format_ms(value)}"
            raise ValueError(msg)

    return check


@takes(pattern=f"^{_NAMESPACE.pattern}$")
def _namespace(_table: object, _field: object, value: str) -> None:
    if not _NAMESPACE.fullmatch(value):
        msg = "expected 1 to 64 letters, digits, '_', '.' or '-'"
        raise ValueError(msg)


@takes(pattern=f"^{_VARIABLE.pattern}$")
def _variable(_table: object, _field: object, value: str) -> None:
    if not _VARIABLE.fullmatch(value):
        msg = "expected the name of an environment variable; keys themselves never stand in this file"
        raise ValueError(msg)


@takes(minLength=1)
def _not_empty(_table: object, _field: object, value: str | None) -> None:
    if value == "":
        msg = "expected some text, got an empty one: leave the key out instead"
        raise ValueError(msg)


@takes(items={"type": "string", "minLength": 1})
def _requirements(_table: object, _field: object, value: tuple[str, ...] | None) -> None:
    for entry in value or ():
        try:
            requirement = Requirement(entry)
        except InvalidRequirement:
            requirement = None
        if requirement is None or requirement.url or requirement.extras or requirement.marker:
            msg = f'expected distributions, each perhaps with versions, as "jobframe-reembed>=1"; got {entry!r}'
            raise ValueError(msg)


@attrs.frozen
class RedisConfig:
    """
    The table ``[redis]``.

    Attributes:
        url: The server; None is the embedded one.
        namespace: Part of every key in it, so that several deployments may share one server.

    """

    url: str | None = attrs.field(default=None, repr=False, validator=_not_empty)
    namespace: str = attrs.field(default="default", validator=_namespace)


@attrs.frozen
class RuntimeConfig:
    """
    The table ``[runtime]``.

    Attributes:
        processes: Worker processes.
        max_jobs: Jobs running at once in one process.
        grace_ms: How long a stopping worker lets its jobs finish before it gives the rest back.
        lease_ms: A worker that has not renewed its lease for this long is taken for dead.
        threads: Size of the pool of plain ``def`` handlers.
        children: Size of the pool of ``run_in = "process"``; the machine's cores unless given.
        durability: What a job that was accepted survives: ``best-effort`` nothing in particular, ``aof`` a crash of the
            server, ``replicated`` also its loss, because an enqueue waits for a replica.
        policy: Whether a starting worker puts its file in force (``apply``) or follows what is in force (``follow``).

    """

    processes: int = attrs.field(default=1, validator=_between(1, 1_000))
    max_jobs: int = attrs.field(default=100, validator=_between(1, 10_000))
    grace_ms: int = attrs.field(default=25_000, validator=_lasting(0, 86_400_000))
    lease_ms: int = attrs.field(default=12_000, validator=_lasting(3_000, 600_000))
    threads: int = attrs.field(default=32, validator=_between(1, 1_000))
    children: int = attrs.field(factory=lambda: os.cpu_count() or 1, validator=_between(1, 1_000))
    durability: Durability = "aof"
    policy: Literal["apply", "follow"] = "apply"


@attrs.frozen
class StatusConfig:
    """
    The table ``[status]``.

    Attributes:
        host: Address that the status server listens at.
        port: Its port; 0 takes a free one.

    """

    host: str = attrs.field(default="127.0.0.1", validator=_not_empty)
    port: int = attrs.field(default=8787, validator=_between(0, 65_535))


@attrs.frozen
class ArqConfig:
    """
    The table ``[arq]``.

    Attributes:
        queue: The queue of plain arq producers; empty turns the bridge off.

    """

    queue: str = "arq:queue"


@attrs.frozen
class LoggingConfig:
    """
    The table ``[logging]``.

    Attributes:
        format: ``console`` for people, ``json`` for machines.
        level: The least severe level that is shown.

    """

    format: Literal["console", "json"] = "console"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


@attrs.frozen
class PluginsConfig:
    """
    The table ``[plugins]``.

    Attributes:
        allow: Distributions, perhaps with versions, that may be imported; None is all that are installed.
        disable: Plugins or distributions that are not imported.

    """

    allow: tuple[str, ...] | None = attrs.field(default=None, validator=_requirements)
    disable: tuple[str, ...] = ()


@attrs.frozen
class EncryptionConfig:
    """
    The table ``[encryption]``.

    Attributes:
        keys_env: Name of the environment variable that holds the keys of sealed fields.

    """

    keys_env: str = attrs.field(default=KEYS_ENV, validator=_variable)


@attrs.frozen
class Environment:
    """
    What the environment says; stronger than any file.

    Attributes:
        config_path: The file to read, from ``JOBFRAME_CONFIG``.
        redis_url: The server, from ``JOBFRAME_REDIS_URL``.
        strategy: Backoff strategy of every type, from ``QUEUE_BACKOFF_STRATEGY``.
        max_retries: Attempts after the first one, of every type, from ``QUEUE_MAX_RETRIES``.
        defaults: Policy of every type, from ``JOBFRAME__DEFAULTS__…``: `Policy` attribute → value.
        jobs: Policy of single types, from ``JOBFRAME__JOBS__<TYPE>__…``, by the word of the type's name.

    """

    config_path: Path | None = None
    redis_url: str | None = attrs.field(default=None, repr=False)
    strategy: Strategy | None = None
    max_retries: int | None = None
    defaults: Mapping[str, Given] = attrs.field(factory=dict)
    jobs: Mapping[str, Mapping[str, Given]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Config:
    """
    One jobs.toml and the environment, read and checked.

    Attributes:
        redis: ``[redis]``, with the environment's server.
        runtime: ``[runtime]``.
        defaults: ``[defaults]``: `Policy` attribute → value.
        jobs: ``[jobs.*]``: job type → `Policy` attribute → value.
        resources: ``[resources]``: name → units.
        schedules: ``[schedules.*]`` by name.
        status: ``[status]``.
        arq: ``[arq]``.
        logging: ``[logging]``.
        plugins: ``[plugins]``.
        encryption: ``[encryption]``.
        keyring: The keys that its variable holds.
        settings: ``[settings.*]`` as written: plugin → table; each plugin's own class reads its table.
        environment: What the environment says about policy.
        path: The file; None when there is none.
        fingerprint: Stands for the text of the file, on every machine that has the same; empty without a file.
        edited_ms: When the file was last changed, in milliseconds since the epoch; 0 without a file.
        lines: Where its values stand.

    """

    redis: RedisConfig = RedisConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    jobs: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    resources: Mapping[str, int] = attrs.field(factory=dict)
    schedules: Mapping[str, Schedule] = attrs.field(factory=dict)
    status: StatusConfig = StatusConfig()
    arq: ArqConfig = ArqConfig()
    logging: LoggingConfig = LoggingConfig()
    plugins: PluginsConfig = PluginsConfig()
    encryption: EncryptionConfig = EncryptionConfig()
    keyring: Keyring = NO_KEYS
    settings: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, repr=False)
    environment: Environment = Environment()
    path: Path | None = None
    fingerprint: str = ""
    edited_ms: int = 0
    lines: Lines = attrs.field(factory=Lines)
