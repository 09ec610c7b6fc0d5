"""Plugin packages written for a test, and put where the processes of a deployment find them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
dependencies = ["attrs", "jobframe"]

[project.entry-points."jobframe.plugins"]
{plugin} = "{module}"
{more}
[tool.setuptools]
py-modules = ["{module}"]
"""


def place(site: Path, module: str, code: str, entry_points: str) -> Path:
    """Put a package of one module into *site* as an installer would have, in no time, and return *site*."""
    name = module.replace("_", "-")
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return site


def install(source: Path, site: Path, module: str, code: str, more: str = "") -> Path:
    """Write a project of one module into *source*, have pip build and install it into *site*, and return *site*."""
    name, plugin = module.replace("_", "-"), module.rpartition("_")[2]
    source.mkdir()
    (source / f"{module}.py").write_text(code)
    (source / "pyproject.toml").write_text(
        PROJECT.format(name=name, version="1.0", plugin=plugin, module=module, more=more)
    )
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(site), str(source)]
    ended = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return site
