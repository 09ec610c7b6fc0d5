"""What the figures were measured on, in one line."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from jobframe.store.binary import find_binary

__all__ = ["describe"]


def describe() -> str:
    """Name processor, cores, system, and the versions that matter."""
    said = subprocess.run([find_binary(), "--version"], capture_output=True, text=True, check=True).stdout
    server = re.match(r"(\S+) server v=(\S+)", said)
    return ", ".join(
        (
            f"{_processor()}, {os.cpu_count()} cores",
            f"{platform.system()} {platform.release().split('-')[0]}",
            f"{platform.python_implementation()} {platform.python_version()}",
            " ".join(server.groups()) if server else said.strip(),
            f"redis-py {version('redis')}",
            f"arq {version('arq')}",
        )
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
