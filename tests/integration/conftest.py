"""Fleets of workers with a plugin whose handlers keep a ledger."""

from tests.fleet.fixtures import durable_fleet, fleet

__all__ = ["durable_fleet", "fleet"]
