"""The nouns of a job."""

from __future__ import annotations

import inspect

import attrs

from jobframe.client.jobs import Jobs
from jobframe.core.job import TERMINAL, JobInfo, NewJob, State


def test_the_seven_states_are_written_as_their_names():
    expected = ["waiting", "delayed", "active", "completed", "failed", "cancelled", "parked"]

    assert expected == [f"{state}" for state in State]


def test_a_parked_job_has_not_ended():
    assert {"completed", "failed", "cancelled"} == TERMINAL


def test_a_new_job_takes_exactly_what_enqueue_takes():
    parameters = list(inspect.signature(Jobs.enqueue).parameters)[1:]

    assert parameters == [field.name for field in attrs.fields(NewJob)]


def test_a_job_is_in_its_state_since_it_ended_else_since_its_start_else_from_when_it_is_due():
    nothing = JobInfo(id="a:x", type="a", state=State.FAILED)
    enqueued = attrs.evolve(nothing, enqueued_ms=1)
    due = attrs.evolve(enqueued, due_ms=2)
    started = attrs.evolve(due, started_ms=3)
    ended = attrs.evolve(started, finished_ms=4)

    assert [None, 1, 2, 3, 4] == [each.since_ms for each in (nothing, enqueued, due, started, ended)]
