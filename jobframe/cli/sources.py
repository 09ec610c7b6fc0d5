"""The sources that ``jobframe up --once`` works on: copies of the folders that jobs.toml names for the sync plugin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from jobframe.config.schema import Config
from jobframe.core.errors import ConfigError, Problem

__all__ = ["copy_local_sources"]

_NONE_TO_COPY = (
    'up --once works on a copy of a source in a folder below this one, and there is none: add one, such as url = "docs"'
)


def copy_local_sources(config: Config, target: Path) -> dict[str, Path]:
    """
    Bring the copies of jobs.toml and of every source in a folder below this one up to date.

    A file that was changed in the copy stays as it is until the original changes.

    Args:
        config: The configuration.
        target: Where the copies are, at the same relative places, so that the copied jobs.toml fits them.

    Returns:
        Source → its folder, relative to *target*.

    Raises:
        ConfigError: There is no such source.

    """
    found = {name: Path(url) for name, url in _sources(config).items() if _is_below(Path(url))}
    if not found or config.path is None:
        raise ConfigError(Problem("settings.sync.sources", _NONE_TO_COPY, str(config.path or "jobs.toml")))
    for folder in found.values():
        _mirror(folder, target / folder)
    shutil.copy2(config.path, target / "jobs.toml")
    return found


def _sources(config: Config) -> Mapping[str, str]:
    """Return name → URL of every ``[settings.sync.sources.<name>]``."""
    tables = config.settings.get("sync", {}).get("sources", {})
    return {name: str(table.get("url", "")) for name, table in tables.items()}


def _is_below(folder: Path) -> bool:
    here = Path.cwd()
    return folder.is_dir() and not folder.is_absolute() and here in folder.resolve().parents


def _mirror(original: Path, copy: Path) -> None:
    for file in _files(copy):
        if not (original / file).is_file():
            (copy / file).unlink()
    for file in _files(original):
        source, target = original / file, copy / file
        if not target.exists() or source.stat().st_mtime_ns > target.stat().st_mtime_ns:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _files(root: Path) -> Iterator[Path]:
    return (path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file())
