"""A store that was emptied or replaced is noticed, with how many jobs were in it."""

import attrs
import pytest

from jobframe.status.epoch import EpochWatch
from jobframe.status.readiness import Verdict

HOUR_MS = 3_600_000


@pytest.fixture
def at(make):
    """Make a snapshot of one type with jobs, at a time, of an epoch."""

    def snapshot(now_ms, epoch, **counts):
        return attrs.evolve(make.snapshot(make.type("a", **counts)), now_ms=now_ms, epoch=epoch)

    return snapshot


def test_a_store_that_stays_the_same_is_well(at):
    watch = EpochWatch()

    assert {Verdict.OK} == {watch.see(at(now, 5, waiting=9)).verdict for now in (1, 2, 3)}


def test_a_namespace_that_is_first_written_to_has_lost_nothing(at):
    watch = EpochWatch()
    watch.see(at(1, 0))

    assert Verdict.OK == watch.see(at(2, 5)).verdict


@pytest.mark.parametrize("epoch", [0, 7])
def test_a_loss_is_told_for_an_hour_with_the_last_known_counts(at, epoch):
    watch = EpochWatch()
    watch.see(at(1, 5, waiting=9))
    watch.see(at(1_000, 5, waiting=2, failed=3, completed=100))

    first = watch.see(at(2_000, epoch))
    assert Verdict.DEGRADED == first.verdict
    assert "the store lost its data before 1970-01-01 00:00:02 UTC, 5 jobs among it" in first.reason
    assert first.reason == watch.see(at(2_000 + HOUR_MS, epoch)).reason
    assert Verdict.OK == watch.see(at(2_001 + HOUR_MS, epoch)).verdict
