"""Jobs whose key a worker does not have are parked, and released by themselves when one that has it is there."""

from __future__ import annotations

import pytest

from jobframe.client.jobs import Jobs
from jobframe.core import jobtype
from jobframe.core.keyring import parse_keyring, written
from jobframe.core.outcome import Parked
from jobframe.store.parking import unpark
from tests.conformance.world import names
from tests.fleet.workers import until

ONE, TWO = written("k1", b"1" * 32), written("k2", b"2" * 32)
ANOTHER_ONE = written("k1", b"x" * 32)
SECRET = "4111-1111-1111-1111"


@pytest.fixture(autouse=True)
def without_the_plugin(monkeypatch):
    """Let this process enqueue by what workers announced: another test may have left the plugin's types here."""
    monkeypatch.setattr(jobtype, "_declared", {})


@pytest.fixture
async def client(fleet):
    """A client that seals with ``k1``."""
    jobs = Jobs(fleet.jobs.store, keyring=lambda: parse_keyring(ONE))
    yield jobs
    await jobs.aclose()


def missing(kid, version=1):
    return Parked(
        f"key_unavailable: payload version {version} is sealed with key '{kid}', which this worker does not have"
    )


async def released(world, version, keys):
    """Release what a worker with that version of the payload and these keys can read, and count it."""
    return (await unpark(world.store, {"a": version}, keys=keys)).jobs


async def park(world, outcomes):
    await world.enqueue("a", *outcomes)
    for job in (await world.claim()).jobs:
        assert await world.end("w1", job, outcomes[job.unique])


async def test_only_the_key_and_the_version_together_release_a_job(world):
    await world.join("w1", "a")
    await park(
        world,
        {
            "one": missing("k1"),
            "two": missing("k2"),
            "newer": missing("k1", 2),
            "new": Parked("too new: payload version 2, this worker has 1"),
            "both": Parked("too new: payload version 2, this worker has 1; sealed with key 'k2'"),
        },
    )

    assert 0 == await released(world, 1, [])
    assert 0 == await released(world, 1, ["k3"])
    assert 1 == await released(world, 1, ["k3", "k1"])
    assert ["a:one"] == names(await world.claim())
    assert 1 == await released(world, 2, ["k3"])
    assert ["a:new"] == names(await world.claim())
    assert 3 == await released(world, 2, ["k1", "k2"])
    assert {"a:two", "a:newer", "a:both"} == set(names(await world.claim()))
    assert 0 == await released(world, 9, ["k1", "k2", "k3"])


async def test_a_reason_that_only_speaks_of_a_key_waits_for_none(world):
    await world.join("w1", "a")
    await park(world, {"x": Parked("unreadable: field 'iban' does not open with key 'k1': it was changed")})

    assert 0 == await released(world, 9, ["k1"])


async def test_more_than_fit_one_call_are_released_in_several(world):
    await world.join("w1", "a")
    for first in range(0, 300, 100):
        await park(world, {f"j{first + n}": missing("k1" if n % 2 else "k2") for n in range(100)})

    assert [256, 44] == [await released(world, 1, ["k2", "k1"]), await released(world, 1, ["k2", "k1"])]
    assert 0 == await released(world, 1, ["k2", "k1"])


async def started(fleet, monkeypatch, *keys):
    """Start a worker that has these keys."""
    monkeypatch.setenv("JOBFRAME_KEYS", ",".join(keys))
    (worker,) = await fleet.start(1, "--type", "work.secret")
    return worker


async def count(fleet, state="parked"):
    return (await fleet.jobs.counts("work.secret"))[state]


async def test_a_worker_with_the_key_releases_what_one_without_has_parked(fleet, client, monkeypatch):
    without = await started(fleet, monkeypatch)
    handle = await client.enqueue("work.secret", {"number": SECRET})
    await until(lambda: count(fleet), "it is parked")

    reason = (await handle.info()).reason
    assert "key_unavailable: payload version 1 is sealed with key 'k1', which this worker does not have" == reason
    assert reason in without.said()
    fleet.kill(without)
    await started(fleet, monkeypatch, TWO, ONE)

    assert len(SECRET) == await handle.result(timeout=40)
    assert 0 == await count(fleet)
    assert 1 == fleet.ledger.starts()[handle.id]


async def test_beside_workers_without_the_key_every_job_gets_to_the_one_that_has_it(fleet, client, monkeypatch):
    await started(fleet, monkeypatch, ONE)
    await fleet.jobs.pause("work.secret")
    handles = await client.enqueue_many([("work.secret", {"number": "x" * n}) for n in range(10)])
    await started(fleet, monkeypatch)
    await started(fleet, monkeypatch, TWO)
    await fleet.jobs.resume("work.secret")

    assert list(range(10)) == [await handle.result(timeout=40) for handle in handles]


async def test_another_key_under_the_same_id_does_not_send_it_round(fleet, client, monkeypatch):
    await started(fleet, monkeypatch, ANOTHER_ONE)
    handle = await client.enqueue("work.secret", {"number": SECRET})
    await until(lambda: count(fleet), "it is parked")

    assert (await handle.info()).reason.startswith("unreadable: field 'number' does not open with key 'k1'")
    worker = await started(fleet, monkeypatch, ANOTHER_ONE)
    await (await client.enqueue("work.secret", {"do": "answer"})).result(timeout=40)
    assert "released" not in worker.said()
    assert 1 == await count(fleet)
