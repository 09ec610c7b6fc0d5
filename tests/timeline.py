"""What a test did to servers, networks and workers, and when: the half of the story that no ledger has."""

from __future__ import annotations

import time
from typing import NamedTuple


class Event(NamedTuple):
    """Something done to somebody; *ns* is the machine's monotonic clock, as in a ledger."""

    ns: int
    who: str
    what: str


_events: list[Event] = []


def begin() -> None:
    """Forget the test before."""
    _events.clear()


def happened(who: str, what: str) -> None:
    """Write down what was just done."""
    _events.append(Event(time.monotonic_ns(), who, what))


def events() -> list[Event]:
    """Return what was done since the test began."""
    return list(_events)
