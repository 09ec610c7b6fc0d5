"""A fresh deployment for each test, or one that is up for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A deployment of this test alone, with no document and nothing started."""
    return Deployment(tmp_path / "here")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment that is up for all tests of a file; none may rely on what another did."""
    with Deployment(tmp_path_factory.mktemp("e2e") / "here").up() as deployment:
        yield deployment
