"""What observers are told."""

from __future__ import annotations

import attrs
import pytest

from jobframe.core.event import Event
from jobframe.core.job import State


def test_an_event_without_run_and_reason_has_started():
    event = Event(type="a.b", id="a.b:1", state=State.ACTIVE, attempt=1, outcome="started")

    assert (0, "") == (event.run_ms, event.reason)


def test_an_observer_cannot_change_what_the_next_one_is_told():
    event = Event(type="a.b", id="a.b:1", state=State.ACTIVE, attempt=1, outcome="started")

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.outcome = "failed"  # type: ignore[misc] # the mistake itself
