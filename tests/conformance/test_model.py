"""The real scripts against a model: any sequence of calls, worker deaths, cancels, pauses and time."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.machine import Queues


def judge(url: str, namespace: str, examples: int, steps: int) -> None:
    machine = type("Queues", (Queues,), {"url": url, "namespace": namespace})
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=limits)


def test_any_sequence_of_calls_leaves_what_the_model_says(any_url, namespace):
    judge(any_url, namespace, examples=60, steps=30)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_long_sequences_of_calls_leave_what_the_model_says(any_url, namespace):
    judge(any_url, namespace, examples=120, steps=60)
