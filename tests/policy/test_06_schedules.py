"""Schedules in real fleets: one job a slot over any number of workers, through deaths, outages and other versions."""

import json
import os
from itertools import pairwise

import pytest

from jobframe.store import inspect, schedules
from tests.fleet.workers import until

SECOND = 1_000
DAY = 86_400_000
TYPE = "work.loop"


def table(name="tick", job=TYPE, **keys):
    """Write one schedule of every second."""
    lines = {"job": job, "every": "1s", "overlap": "allow"} | keys
    return f"[schedules.{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items()) + "\n"


def slots(fleet, name="tick", job=TYPE):
    """List the slots whose jobs have started, in order."""
    return sorted(int(each.partition("@")[2]) for each in fleet.ledger.starts() if each.startswith(f"{job}:{name}@"))


async def ticking(fleet, count, **which):
    """Wait until the jobs of *count* more slots have started."""
    wanted = len(slots(fleet, **which)) + count
    await until(lambda: len(slots(fleet, **which)) >= wanted, f"{count} more slots")


def gaps(found):
    """Return the distances between slots; a schedule of every second has none but one second."""
    return {later - earlier for earlier, later in pairwise(found)}


async def progress(fleet, name="tick"):
    return (await schedules.read(fleet.jobs.store)).schedules[name]


async def out_of_force(fleet):
    """Take all schedules out of force, wait for what they made, and return how many jobs that were."""
    fired = {name: each.fired for name, each in (await schedules.read(fleet.jobs.store)).schedules.items()}
    await schedules.put(fleet.jobs.store, [TYPE, "work.other"], (), "the end")
    await fleet.ended()
    return fired


async def test_four_workers_make_one_job_a_slot(fleet):
    fleet.configure(table())
    await fleet.start(4)
    await ticking(fleet, 6)
    fired = (await out_of_force(fleet))["tick"]

    assert {SECOND} == gaps(slots(fleet))
    assert {1} == set(fleet.ledger.starts().values())
    assert fired <= len(slots(fleet)) <= fired + 1  # one may have been made between the two looks


@pytest.mark.slow
async def test_no_slot_is_lost_or_doubled_while_workers_are_killed(fleet):
    fleet.configure(table())
    await fleet.start(4)
    await ticking(fleet, 2)
    for _ in range(3):
        fleet.kill(fleet.workers[-4])
        fleet.spawn()
        await ticking(fleet, 2)
    await out_of_force(fleet)

    assert {SECOND} == gaps(slots(fleet))
    assert len(slots(fleet)) == (await fleet.jobs.counts(TYPE))["completed"]


@pytest.mark.slow
async def test_two_versions_of_the_policy_side_by_side_make_one_job_a_slot(fleet):
    fleet.configure(table())
    await fleet.start(2)
    await ticking(fleet, 2)
    fleet.configure(table(every="2s"))
    await fleet.start(2)
    changed = (await progress(fleet)).in_force.at
    await ticking(fleet, 3)
    await out_of_force(fleet)

    before = [slot for slot in slots(fleet) if slot <= changed]
    after = [slot for slot in slots(fleet) if slot > changed]
    assert ({SECOND}, {2 * SECOND}) == (gaps(before), gaps(after))
    assert {0} == {slot % (2 * SECOND) for slot in after}
    assert {1} == set(fleet.ledger.starts().values())


@pytest.mark.slow
async def test_a_restarted_worker_with_an_older_file_does_not_bring_its_schedules_back(fleet):
    fleet.configure(table())
    (old,) = await fleet.start()
    await ticking(fleet, 1)
    file = fleet.folder / "jobs.toml"
    older, edited = file.read_text(), file.stat().st_mtime
    fleet.configure(table("newer"))
    await fleet.start()
    await until(lambda: _names(fleet, {"newer"}), "the newer schedule alone is in force")
    old.kill()
    file.write_text(older)
    os.utime(file, (edited, edited))
    await fleet.start()
    await ticking(fleet, 2, name="newer")

    assert await _names(fleet, {"newer"})


async def _names(fleet, names):
    return (await schedules.read(fleet.jobs.store)).schedules.keys() == names


@pytest.mark.slow
async def test_a_worker_of_some_types_brings_and_fires_the_schedules_of_these_only(fleet):
    fleet.configure(table() + table(name="tock", job="work.other"))
    await fleet.start(1, "--type", "work.other")
    await ticking(fleet, 2, name="tock", job="work.other")

    assert await _names(fleet, {"tock"})
    await fleet.start(1, "--type", TYPE)
    await ticking(fleet, 2)
    assert await _names(fleet, {"tick", "tock"})


@pytest.mark.slow
async def test_a_schedule_that_no_file_has_any_more_fires_no_more(fleet):
    fleet.configure(table())
    await fleet.start()
    await ticking(fleet, 1)
    fleet.configure(table(name="other"))
    await fleet.start()
    last = max(slots(fleet))
    await ticking(fleet, 3, name="other")

    assert max(slots(fleet)) <= last + SECOND


@pytest.mark.slow
@pytest.mark.parametrize("misfire", ["once", "skip"])
async def test_after_days_without_workers_the_latest_slot_is_made_up_for_once_or_not_at_all(fleet, misfire):
    fleet.configure(table("daily", every="1d", misfire=misfire) + table())
    (worker,) = await fleet.start()
    await ticking(fleet, 1)
    worker.kill()
    store, seen = fleet.jobs.store, await schedules.read(fleet.jobs.store)
    latest = seen.schedules["daily"].in_force.schedule.latest_slot(0, seen.now_ms)
    assert latest is not None
    await store.redis.hset(store.keys.schedule("daily"), "slot", latest - 3 * DAY)
    await fleet.start(4)
    await ticking(fleet, 3)

    assert ([latest] if misfire == "once" else []) == slots(fleet, "daily")
    assert (1 if misfire == "once" else 0) == (await progress(fleet, "daily")).fired


@pytest.mark.slow
async def test_a_worker_that_starts_makes_up_for_no_slot_of_misfire_skip(fleet):
    fleet.configure(table())
    (worker,) = await fleet.start()
    await ticking(fleet, 1)
    worker.kill()
    last = (await progress(fleet)).slot_ms
    await until(lambda: _passed(fleet, last + 3 * SECOND), "some slots pass that nobody watches")
    await fleet.start()
    await ticking(fleet, 2)

    started = max(each.member.started_at for each in await inspect.workers(fleet.jobs.store))
    assert [] == [slot for slot in slots(fleet) if last < slot <= started]


async def _passed(fleet, ms):
    return (await schedules.read(fleet.jobs.store)).now_ms > ms


@pytest.mark.slow
async def test_a_server_that_was_away_brings_no_slot_twice_and_stops_none(durable_fleet, own_server):
    fleet = durable_fleet
    fleet.configure(table(), durability="aof")
    await fleet.start(2)
    await ticking(fleet, 2)
    own_server.kill()
    own_server.start()
    await ticking(fleet, 4)
    await out_of_force(fleet)

    found = slots(fleet)
    assert len(found) == len(set(found))
    assert {SECOND} == gaps(found[-3:])


async def test_a_full_queue_costs_its_slots_and_once_there_is_room_the_next_one_fires(fleet):
    fleet.configure(table() + f'[jobs."{TYPE}"]\nmax_waiting = 1')
    async with fleet.here():
        await fleet.jobs.pause(TYPE)
        await until(lambda: _skipped(fleet, 2), "two slots find the queue full")
        assert 1 == (await fleet.jobs.counts(TYPE))["waiting"]
        await fleet.jobs.resume(TYPE)
        await ticking(fleet, 3)


async def _skipped(fleet, count):
    seen = (await schedules.read(fleet.jobs.store)).schedules
    return "tick" in seen and seen["tick"].full >= count


async def test_a_worker_in_burst_mode_waits_for_no_slot(fleet):
    fleet.configure(table())
    (worker,) = [fleet.spawn("--burst")]

    assert 0 == await worker.exit_code()
    assert await _names(fleet, {"tick"})


@pytest.mark.slow
async def test_following_workers_put_nothing_in_force_and_fire_what_is(fleet):
    fleet.configure(table(), policy="follow")
    await fleet.start()
    assert await _names(fleet, set())
    fleet.configure(table())
    await fleet.start(1, "--type", "work.other", "--type", TYPE)
    await until(lambda: _names(fleet, {"tick"}), "the schedule is in force")
    fleet.kill(fleet.workers[-1])
    await ticking(fleet, 2)


@pytest.mark.slow
async def test_a_type_with_restricted_fields_is_told_each_slot_and_the_worker_goes_on(fleet):
    fleet.configure(table(name="sealed", job="work.secret") + table())
    (worker,) = await fleet.start()
    await ticking(fleet, 3)

    assert "schedule could not fire" in worker.said()
    assert "restricted" in worker.said()
