"""Payloads newer than a worker are parked, and released by themselves when a worker that can read them is there."""

import pytest

from jobframe.core import jobtype
from jobframe.core.job import State
from jobframe.core.outcome import Parked
from jobframe.store.claim import ClaimCall
from jobframe.store.parking import unpark
from jobframe.store.purge import purge
from tests.conformance.world import SECOND, names
from tests.fleet.workers import until


@pytest.fixture(autouse=True)
def without_the_plugin(monkeypatch):
    """Let this process enqueue by what workers announced: another test may have left the plugin's types here."""
    monkeypatch.setattr(jobtype, "_declared", {})


def newer(version):
    return Parked(f"too new: payload version {version}, this worker has 1")


async def park(world, version, *uniques, **options):
    await world.enqueue("a", *uniques, **options)
    for job in (await world.claim()).jobs:
        assert await world.end("w1", job, newer(version))


async def released(world, **versions):
    return (await unpark(world.store, versions)).jobs


async def test_only_what_can_be_read_is_released(world):
    await world.join("w1", "a")
    await park(world, 2, "two")
    await park(world, 3, "three")

    assert 0 == await released(world, a=1, b=9)
    assert 1 == await released(world, a=2)
    assert ["a:two"] == names(await world.claim())
    assert 1 == await released(world, a=9)
    assert ["a:three"] == names(await world.claim())


async def test_more_than_fit_one_call_are_released_in_several(world):
    await world.join("w1", "a")
    for start in range(0, 300, 100):
        await park(world, 2, *(f"j{start + n}" for n in range(100)))

    first = await unpark(world.store, {"a": 2})
    second = await unpark(world.store, {"a": 2})

    assert (256, True) == (first.jobs, first.more)
    assert (44, False) == (second.jobs, second.more)


async def test_one_call_reads_no_more_than_a_mebibyte_of_payloads(world):
    await world.join("w1", "a")
    for n in range(12):
        await park(world, 2, f"j{n}", body=b'"' + b"x" * 200_000 + b'"')

    first = await unpark(world.store, {"a": 2})
    second = await unpark(world.store, {"a": 2})

    assert (6, True) == (first.jobs, first.more)
    assert (6, 12) == (second.jobs, (await world.counts("a"))["waiting"])


async def test_a_claim_that_goes_along_takes_what_was_released(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await park(world, 2, "x")

    call = ClaimCall("w2", 1, 10, 1, ((world.lanes["a"], 10),))
    release = await unpark(world.store, {"a": 2}, call)

    assert release.claim is not None
    assert ["a:x"] == names(release.claim)


async def test_a_job_released_late_keeps_its_key_and_its_priority(world):
    await world.join("w1", "a")
    await park(world, 2, "x", key="k", priority="high")

    await unpark(world.store, {"a": 2}, delay_ms=SECOND)

    assert [] == names(await world.claim())
    assert ["x"] == await world.enqueue("a", "other", key="k")
    world.now += SECOND
    assert ["a:x"] == names(await world.claim())


async def test_a_cancelled_a_retried_and_a_purged_one_are_released_no_more(world):
    await world.join("w1", "a")
    await park(world, 2, "cancelled", "retried", "purged")
    await world.cancel("a:cancelled")
    await world.retry("a:retried")
    await purge(world.store, "a", State.PARKED, 0)

    assert 0 == await released(world, a=2)


async def test_a_new_worker_releases_what_an_old_one_parked(fleet, monkeypatch):
    (new,) = await started(fleet, monkeypatch, 2)
    (handle,) = await enqueued_now(fleet, 1)
    fleet.kill(new)
    (old,) = await started(fleet, monkeypatch, 1)
    await fleet.jobs.resume("work.versioned")
    await until(lambda: parked(fleet, 1), "the old worker parks it")
    fleet.kill(old)

    await started(fleet, monkeypatch, 2)

    assert "0" == await handle.result(timeout=40)
    assert await parked(fleet, 0)


async def test_beside_an_old_worker_every_job_gets_to_the_new_one(fleet, monkeypatch):
    await started(fleet, monkeypatch, 2)
    handles = await enqueued_now(fleet, 10)
    await started(fleet, monkeypatch, 1)
    await fleet.jobs.resume("work.versioned")

    assert [str(n) for n in range(10)] == [await handle.result(timeout=40) for handle in handles]


async def test_an_old_payload_is_brought_to_the_new_shape(fleet, monkeypatch):
    (old,) = await started(fleet, monkeypatch, 1)
    await fleet.jobs.pause("work.versioned")
    handle = await fleet.jobs.enqueue("work.versioned", {"text": "hello"})
    fleet.kill(old)
    await started(fleet, monkeypatch, 3)
    await fleet.jobs.resume("work.versioned")

    assert "hello, of version 1" == await handle.result(timeout=40)


async def started(fleet, monkeypatch, version):
    """Start a worker whose plugin has that version of the type."""
    monkeypatch.setenv("ACME_VERSION", str(version))
    return await fleet.start(1, "--type", "work.versioned")


async def enqueued_now(fleet, count):
    """Enqueue jobs in the version in force, which nobody starts before the type is resumed."""
    await fleet.jobs.pause("work.versioned")
    return await fleet.jobs.enqueue_many([("work.versioned", {"text": str(n)}) for n in range(count)])


async def parked(fleet, count):
    return (await fleet.jobs.counts("work.versioned"))["parked"] == count
