"""Real plugin distributions, made for one test and found by Python like any other."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from jobframe.registry.installed import OWN_DISTRIBUTION, installed
from jobframe.registry.loader import load

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path, monkeypatch) -> Iterator[Install]:
    """Install a distribution with one module and one entry point; modules are forgotten at the end of the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield lambda *args, **kwargs: _write_distribution(tmp_path, *args, **kwargs)
    for name in set(sys.modules) - before:
        if name.startswith("acme_"):
            del sys.modules[name]


def _write_distribution(
    site: Path,
    name: str,
    code: str,
    *,
    distribution: str = "",
    version: str = "1.0",
    requires: Sequence[str] = (),
    entry_point: str = "",
) -> None:
    distribution = distribution or f"acme-{name}"
    module = distribution.replace("-", "_").lower()
    (site / f"{module}.py").write_text(textwrap.dedent(code))
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}")
    (info / "entry_points.txt").write_text(f"[jobframe.plugins]\n{name} = {entry_point or module}\n")


@pytest.fixture
def load_acme():
    """Load the plugins of this test and jobframe's own, whatever else is installed on the machine."""

    def load_them(disable: Sequence[str] = ()):
        foreign = [
            plugin.distribution
            for plugin in installed()
            if plugin.distribution != OWN_DISTRIBUTION and not plugin.distribution.startswith("acme-")
        ]
        return load(None, [*disable, *foreign])

    return load_them


@pytest.fixture
def states(load_acme):
    """Load the plugins of this test and return their states by name."""

    def load_states(disable: Sequence[str] = ()):
        loaded = load_acme(disable).plugins
        return {plugin.name: plugin for plugin in loaded if plugin.distribution.startswith("acme-")}

    return load_states
