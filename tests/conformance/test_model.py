"""The real scripts against a model: any sequence of calls, worker deaths, cancels, pauses and time."""

from __future__ import annotations

import os
import secrets

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.machine.queues import Queues

LOOKS_FURTHER = "MODEL_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "1000"))
SAME_EACH_TIME = 20_261_125
STEPS = 30
SHRINKING_S = 300
"""Hypothesis looks so long for the shortest sequence that fails: a bound below would hide what has failed."""


def judge(url: str, namespace: str, examples: int) -> None:
    """
    Run the same sequences each time, so that what fails is what was changed; `make model` looks further.

    A sequence that fails is printed step by step, and its seed makes the same ones again.
    """
    number = int(os.environ.get("MODEL_SEED") or (secrets.randbits(32) if LOOKS_FURTHER else SAME_EACH_TIME))
    print(f"make model EXAMPLES={examples} SEED={number} runs the same sequences")  # noqa: T201 - shown when it fails
    limits = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    machine = type("Queues", (Queues,), {"url": url, "namespace": namespace})
    run_state_machine_as_test(seed(number)(machine), settings=limits)


@pytest.mark.timeout(SHRINKING_S + 60)
def test_any_sequence_of_calls_leaves_what_the_model_says(any_url, namespace):
    judge(any_url, namespace, 60)


@pytest.mark.slow
@pytest.mark.timeout(SHRINKING_S + EXAMPLES // 2)
def test_many_sequences_of_calls_leave_what_the_model_says(any_url, namespace):
    judge(any_url, namespace, EXAMPLES)
