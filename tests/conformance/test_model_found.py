"""Sequences on which the scripts and the model once disagreed, as short as Hypothesis could make them."""

from __future__ import annotations

import pytest

from jobframe.core.job import State
from jobframe.core.outcome import Completed
from tests.conformance.machine.producers import Wanted
from tests.conformance.machine.queues import Queues


class Steps:
    """Take steps of the machine by name; after each, the scripts and the model must agree."""

    def __init__(self, machine: Queues) -> None:
        self._machine = machine

    def __getattr__(self, name: str):
        def step(**drawn):
            answer = getattr(self._machine, name)(**drawn)
            self._machine.the_store_agrees()
            return answer

        return step


@pytest.fixture
def state(any_url, namespace):
    """Begin as every sequence does, and end as every one must: nothing is left."""
    machine = type("Queues", (Queues,), {"url": any_url, "namespace": namespace})()
    machine.begin()
    machine.the_store_agrees()
    try:
        yield Steps(machine)
    finally:
        machine.teardown()


def test_a_worker_gets_every_type_of_a_lane_it_claims_from(state):
    state.let_others_be_dead(survivors=set())
    state.join(some={"free"})
    state.join(some={"ruled", "free"})
    state.leave(worker=0)
    state.announce_the_late_type()
    state.enqueue_plain_jobs(type="free", count=1)

    assert 1 == len(state.claim(worker=0, room=1, quantum=1).jobs)


def test_what_ended_by_a_clock_ahead_of_this_one_is_purged_as_well(state):
    state.enqueue_plain_jobs(type="free", count=1)
    state.cancel_one(id="free:id000001")
    state.set_the_clock_back(ms=700)

    state.purge(type="free", state=State.CANCELLED)


def test_a_worker_brings_a_type_that_a_server_started_again_has_forgotten(state):
    state.save()
    state.announce_the_late_type()
    state.announce_again(worker=0, other={"late"})
    state.restart_with_what_is_on_disk()
    state.announce_again(worker=0, other=None)
    state.enqueue_plain_jobs(type="late", count=1)

    assert 1 == len(state.claim(worker=0, room=1, quantum=1).jobs)


def test_a_replaced_job_stays_one_whose_id_nobody_chose(state):
    state.enqueue(client="c1", jobs=[Wanted("free", key="debounced")], outdated=False)
    state.enqueue(client="c1", jobs=[Wanted("free", given="x", key="debounced")], outdated=False)
    state.claim_and_settle(worker=0, outcome=Completed(b"1"))

    state.purge(type="free", state=State.COMPLETED)


def test_a_claim_that_finds_a_job_expired_may_start_the_one_behind_it(state):
    state.enqueue(client="c1", jobs=[Wanted("free", key="debounced", expires=5_000)], outdated=False)
    state.claim(worker=0, room=1, quantum=1)
    state.enqueue(client="c1", jobs=[Wanted("free", key="debounced")], outdated=False)
    state.join(some={"free"})
    state.advance(ms=6_000)
    state.leave(worker=0)

    assert 1 == len(state.claim(worker=0, room=50, quantum=1).jobs)
