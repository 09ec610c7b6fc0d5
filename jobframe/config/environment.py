"""The environment variables that jobframe reads; an empty one counts as absent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobframe.config.essentials import CONFIG, REDIS_URL
from jobframe.config.schema import Environment
from jobframe.config.variables import read_policies
from jobframe.core.errors import Problem
from jobframe.core.policy import parse_key

__all__ = ["MAX_RETRIES", "STRATEGY", "read_environment"]

STRATEGY = "QUEUE_BACKOFF_STRATEGY"
MAX_RETRIES = "QUEUE_MAX_RETRIES"

_WHOLE = re.compile(r"-?[0-9]{1,18}")


def read_environment(environ: Mapping[str, str]) -> tuple[Environment, list[Problem]]:
    """Return what *environ* says, and what is wrong with it; a wrong value is left out."""
    problems: list[Problem] = []
    backoff = _policy_value("backoff", environ.get(STRATEGY), STRATEGY, problems)
    defaults, jobs = read_policies(environ, problems)
    retries = _policy_value("max_retries", _number(environ.get(MAX_RETRIES)), MAX_RETRIES, problems)
    found = Environment(
        config_path=Path(environ[CONFIG]) if environ.get(CONFIG) else None,
        redis_url=environ.get(REDIS_URL) or None,
        strategy=backoff.strategy if backoff else None,
        max_retries=retries,
        defaults=defaults,
        jobs=jobs,
    )
    return found, problems


def _policy_value(key: str, value: object, variable: str, problems: list[Problem]) -> Any:
    if value in (None, ""):
        return None
    try:
        return parse_key(key, value)[1]
    except ValueError as error:
        problems.append(Problem("", str(error).removeprefix("backoff strategy: "), variable))
        return None


def _number(text: str | None) -> int | str | None:
    """Turn digits into the number that the policy's own check expects; leave the rest to that check's message."""
    return int(text) if text and _WHOLE.fullmatch(text) else text
