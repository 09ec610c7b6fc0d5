"""A namespace with a clock turned by hand, for the scripts; fleets of real workers, for everything; command lines."""

from tests.cli.conftest import cli, cli_json, folder, hands
from tests.conformance.conftest import world
from tests.fleet.fixtures import fleet

__all__ = ["cli", "cli_json", "fleet", "folder", "hands", "world"]
