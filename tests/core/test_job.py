"""The nouns of a job."""

from __future__ import annotations

import inspect

import attrs

from jobframe.client.jobs import Jobs
from jobframe.core.job import TERMINAL, NewJob, State


def test_the_seven_states_are_written_as_their_names():
    expected = ["waiting", "delayed", "active", "completed", "failed", "cancelled", "parked"]

    assert expected == [f"{state}" for state in State]


def test_a_parked_job_has_not_ended():
    assert {"completed", "failed", "cancelled"} == TERMINAL


def test_a_new_job_takes_exactly_what_enqueue_takes():
    parameters = list(inspect.signature(Jobs.enqueue).parameters)[1:]

    assert parameters == [field.name for field in attrs.fields(NewJob)]
