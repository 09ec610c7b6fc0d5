"""What is wrong with a server for jobs, and what of it keeps a worker from starting."""

import attrs
import pytest

from jobframe.store.fitness import concerns
from jobframe.store.stats import ServerFacts

GOOD = ServerFacts(aof=True, evicts=False, full=False, version=(7, 0, 15))


def found(durability="aof", offset_ms=0, **facts):
    return {each.about: each.refuses for each in concerns(attrs.evolve(GOOD, **facts), durability, offset_ms)}


@pytest.mark.parametrize("durability", ["best-effort", "aof"])
def test_a_good_server_has_nothing_wrong(durability):
    assert {} == found(durability)


@pytest.mark.parametrize(
    ("facts", "durability", "expected"),
    [
        ({"evicts": True}, "aof", {"eviction": True}),
        ({"evicts": True}, "best-effort", {"eviction": False}),
        ({"aof": False}, "aof", {"persistence": False}),
        ({"aof": False}, "best-effort", {}),
        ({"replica": True}, "best-effort", {"role": True}),
        ({"version": (6, 2, 14)}, "best-effort", {"version": True}),
        ({"version": ()}, "aof", {"version": True}),
        ({"full": True}, "aof", {"memory": False}),
        ({}, "replicated", {"replicas": False}),
        ({"replicas": 1}, "replicated", {}),
        ({"replica": True}, "replicated", {"role": True}),
        ({"replicas": 1, "evicts": True, "aof": False}, "replicated", {"eviction": True, "persistence": False}),
        (
            {"evicts": True, "aof": False, "replica": True},
            "aof",
            {"role": True, "eviction": True, "persistence": False},
        ),
    ],
)
def test_what_would_lose_jobs_refuses_and_the_rest_warns(facts, durability, expected):
    assert expected == found(durability, **facts)


@pytest.mark.parametrize(("offset_ms", "word"), [(2_000, "ahead of"), (-3_600_000, "behind")])
def test_a_clock_that_is_off_is_told_with_its_direction(offset_ms, word):
    (concern,) = concerns(GOOD, "aof", offset_ms)

    assert ("clock", False) == (concern.about, concern.refuses)
    assert word in concern.text


def test_a_clock_that_is_nearly_right_is_not_mentioned():
    assert {} == found(offset_ms=1_999)
