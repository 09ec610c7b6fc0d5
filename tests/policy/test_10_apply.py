"""``jobframe plan`` and ``apply``: what would change and what that means, then in force with no restart."""

import asyncio
import json
import os
import sys
from pathlib import Path

from jobframe.config.changes import Load, changes
from jobframe.core import clock
from jobframe.core.policy import Policy
from jobframe.core.rate import Rate
from jobframe.store import policies
from tests.conformance.world import START_MS, job_type, names
from tests.fleet.workers import ROOT, until

SLOTS = '[jobs."work.loop"]\nconcurrency = {}'


async def command(fleet, *words):
    """Run a command in the fleet's folder; returns what it printed."""
    environment = {**os.environ, "PYTHONPATH": f"{fleet.folder}:{ROOT}"}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("jobframe"),
        *words,
        cwd=fleet.folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, errors = await asyncio.wait_for(process.communicate(), 40)
    assert (0, b"") == (process.returncode, errors)
    return printed.decode()


async def running(fleet, count):
    await until(lambda: _active(fleet, count), f"{count} run")


async def _active(fleet, count):
    return (await fleet.jobs.counts("work.loop"))["active"] == count


async def test_an_edit_reaches_a_running_fleet_of_four_with_no_restart_and_no_job_lost(fleet, record_property):
    fleet.configure(SLOTS.format(1))
    workers = await fleet.start(4)
    await fleet.enqueue(20, do="hold", text="gate")
    await running(fleet, 1)
    fleet.configure(SLOTS.format(6))

    assert "In force now for 1 job type." in await command(fleet, "apply")
    applied = clock.monotonic()
    await running(fleet, 6)
    record_property("seconds after apply", round(clock.monotonic() - applied, 3))
    fleet.configure(SLOTS.format(2))
    await command(fleet, "apply")
    started = sum(fleet.ledger.starts().values())
    fleet.ledger.open_gate("gate")
    counts = await fleet.ended()

    assert (20, 0) == (counts["completed"], counts["failed"])
    assert [None] * 4 == [worker.process.poll() for worker in workers]
    assert (6, 20) == (started, sum(fleet.ledger.starts().values()))


async def test_a_plan_says_what_a_change_means_and_changes_nothing(fleet):
    fleet.configure(SLOTS.format(5))
    await fleet.start()
    await fleet.enqueue(12, do="hold", text="gate")
    await running(fleet, 5)
    fleet.configure(SLOTS.format(1) + "\nmax_retries = 9")

    planned = json.loads(await command(fleet, "plan", "--json"))
    shown = await command(fleet, "plan")

    consequence = "7 waiting, 4 over the new limit now: they run on"
    assert {"key": "concurrency", "before": "5", "after": "1", "consequence": consequence} == {
        name: planned[0][name] for name in ("key", "before", "after", "consequence")
    }
    assert [("work.loop", "concurrency"), ("work.loop", "max_retries")] == [
        (each["type"], each["key"]) for each in planned
    ]
    assert consequence in shown
    assert "`jobframe apply` puts this in force for 1 job type." in shown
    assert 5 == (await policies.read(fleet.jobs.store))["work.loop"].policy.concurrency


async def test_after_an_apply_nothing_differs(fleet):
    await fleet.start()
    fleet.configure(SLOTS.format(3))
    await command(fleet, "apply")

    assert "The policy in force is that of jobs.toml.\n" == await command(fleet, "plan")
    assert [] == json.loads(await command(fleet, "apply", "--json"))
    in_force = (await policies.read(fleet.jobs.store))["work.loop"]
    assert (3, 2) == (in_force.policy.concurrency, in_force.version)
    assert "@" in in_force.by


async def test_a_type_that_no_worker_has_announced_is_planned_and_applied_as_new(fleet):
    await fleet.start(1, "--type", "work.loop")

    planned = json.loads(await command(fleet, "plan", "--json"))
    assert {"policy"} == {each["key"] for each in planned}
    assert "work.thread" in {each["type"] for each in planned}
    assert "work.loop" not in {each["type"] for each in planned}
    await command(fleet, "apply")

    assert {each["type"] for each in planned} | {"work.loop"} == set(await policies.read(fleet.jobs.store))
    assert [] == json.loads(await command(fleet, "plan", "--json"))


async def test_a_plan_tells_what_the_handlers_code_declares_anew(fleet):
    await fleet.start(1, "--type", "work.loop")
    plugin = fleet.folder / "acme_work.py"
    plugin.write_text(plugin.read_text().replace('    text: str = ""\n', '    text: str = ""\n    more: int = 0\n', 1))

    (change,) = [each for each in json.loads(await command(fleet, "plan", "--json")) if each["type"] == "work.loop"]

    assert ("fields", "do, n, text", "do, n, text, more") == (change["key"], change["before"], change["after"])


async def apply(world, name, **policy):
    return await policies.apply(world.store, [policies.document(job_type(name), Policy(**policy), "me@box")])


async def test_an_applied_limit_holds_at_the_next_claim(world):
    await world.join("w1", "a", concurrency=1)
    await world.enqueue("a", "x", "y", "z")
    assert ["a:x"] == names(await world.claim())
    assert [] == names(await world.claim())

    assert ("a",) == await apply(world, "a", concurrency=2)

    assert ["a:y"] == names(await world.claim())
    assert () == await apply(world, "a", concurrency=2)


async def test_what_was_applied_outlives_a_restart_with_the_older_file(world):
    await world.join("w1", "a", concurrency=1)
    world.now += 60_000
    await apply(world, "a", concurrency=7)

    in_force = await world.join("w2", "a", concurrency=1, edited_ms=START_MS)

    assert 7 == in_force["a"].policy.concurrency


async def test_a_paused_type_stays_paused(world):
    await world.join("w1", "a")
    await world.enqueue("a", "x")
    await world.pause("a")

    await apply(world, "a", concurrency=2)

    assert [] == names(await world.claim())


async def test_a_type_can_be_applied_before_any_worker_has_announced_it(world):
    assert ("a",) == await apply(world, "a", max_waiting=5)

    await world.join("w1", "a", max_waiting=5)
    assert 1 == (await policies.read(world.store))["a"].version


def test_each_changed_key_is_told_with_its_consequence():
    before = Policy(concurrency=4, keep_failed_ms=10, rate_limit=None, max_waiting=None, expires_ms=None)
    after = Policy(
        concurrency=9, keep_failed_ms=5, rate_limit=Rate(5, 1_000), max_waiting=20, expires_ms=60_000, run_in="thread"
    )

    told = {each.key: (each.before, each.after, each.consequence) for each in changes("a", before, after, Load(30, 4))}

    assert {
        "run_in": ('"loop"', '"thread"', "4 run on where they are"),
        "concurrency": ("4", "9", "30 waiting"),
        "rate_limit": ("none", '"5/s"', "30 waiting"),
        "max_waiting": ("none", "20", "30 waiting: enqueue is refused until they are fewer"),
        "keep_failed": ('"10ms"', '"5ms"', "older ones are dropped"),
        "expires": ("none", '"1m"', "30 waiting"),
    } == told
