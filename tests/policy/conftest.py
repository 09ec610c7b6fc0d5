"""A namespace with a clock turned by hand, for the scripts; fleets of real workers, for everything; command lines."""

import pytest

from tests.cli.conftest import cli, cli_json, folder, hands
from tests.conformance.conftest import world
from tests.fleet.fixtures import durable_fleet, fleet
from tests.proxy import Proxy

__all__ = ["cli", "cli_json", "durable_fleet", "fleet", "folder", "hands", "proxy", "world"]


@pytest.fixture
async def proxy(redis_url):
    """A way to the server that the test disturbs."""
    proxy = Proxy(redis_url.removeprefix("unix://"))
    await proxy.accept()
    yield proxy
    await proxy.aclose()
