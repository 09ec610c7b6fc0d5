"""Every conformance test runs on Valkey and on Redis, with a clock turned by hand, and leaves a sound namespace."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.invariants import broken
from tests.conformance.world import World


@pytest.fixture
async def world(any_url: str, namespace: str) -> AsyncIterator[World]:
    """A namespace of this test's own; afterwards every invariant holds in it."""
    world = World(any_url, namespace)
    try:
        yield world
        assert await broken(world) == []
    finally:
        await world.aclose()
