"""A namespace with a clock turned by hand, for the scripts; fleets of real workers, for everything together."""

from tests.conformance.conftest import world
from tests.fleet.fixtures import fleet

__all__ = ["fleet", "world"]
