"""A jobs.toml in an empty folder, and job types to hold against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jobframe.core.jobtype import JobType


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    """Every test stands in an empty folder, with none of the variables that jobframe reads."""
    names = ("JOBFRAME_CONFIG", "JOBFRAME_REDIS_URL", "JOBFRAME_KEYS", "QUEUE_BACKOFF_STRATEGY", "QUEUE_MAX_RETRIES")
    for variable in names:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[[str], Path]:
    """Write *text* as ./jobs.toml and return its path."""

    def write_file(text: str) -> Path:
        (folder / "jobs.toml").write_text(text)
        return folder / "jobs.toml"

    return write_file


@pytest.fixture
def asynchronous():
    """Make a job type with an ``async def`` handler."""

    def make(name: str, **policy) -> JobType:
        async def handler(ctx):
            """Do nothing."""

        return JobType(name, 1, handler, policy)

    return make


@pytest.fixture
def plain():
    """Make a job type with a plain ``def`` handler."""

    def make(name: str, **policy) -> JobType:
        def handler(ctx):
            """Do nothing."""

        return JobType(name, 1, handler, policy)

    return make
