"""Wall clocks that a test sets, of a server or of a worker; their monotonic clocks are left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobframe.core.clock import wall_ms
from tests.fleet.workers import until

NEAR_S = 60


class Clock:
    """A clock that is ahead of this process's own by as many seconds as it was told."""

    def __init__(self, library: Path, file: Path) -> None:
        self._environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(file)}
        self._file = file
        self.set(0)

    def set(self, ahead_s: int) -> None:
        """Set it; whoever reads it at the same time reads the old time or the new one."""
        written = self._file.with_suffix(".new")
        written.write_text(str(ahead_s))
        written.replace(self._file)

    @contextmanager
    def read(self) -> Iterator[None]:
        """Have each process that is started in the block read this clock for its own."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self._environment.items():
                environment.setenv(name, value)
            yield

    async def set_server(self, redis, ahead_s: int) -> None:
        """Set the clock of the server behind *redis*, and wait for its time: it may answer once more with the old."""

        async def has_it():
            seconds, _ = await redis.time()
            return abs(seconds - wall_ms() / 1000 - ahead_s) < NEAR_S

        self.set(ahead_s)
        await until(has_it, f"the server's clock is set to {ahead_s:+} s")


@pytest.fixture(scope="session")
def clock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is put before a process so that it reads a `Clock`."""
    compiler = shutil.which("cc")
    if compiler is None:
        assert os.environ.get("CI") != "true", "no C compiler is on PATH"
        pytest.skip("no C compiler is on PATH (Debian: apt install gcc libc6-dev)")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture
def make_clock(clock_library: Path, tmp_path: Path) -> Callable[[str], Clock]:
    """Make clocks by name: ``make_clock("server")``."""
    return lambda name: Clock(clock_library, tmp_path / f"clock-{name}")
