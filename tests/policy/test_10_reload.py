"""SIGHUP: a running worker reads jobs.toml again and puts it in force as a start would."""

import asyncio
import os
import signal
import subprocess
import sys

from jobframe.store import die_with_parent, inspect, policies, schedules
from tests.fleet.workers import until

SLOTS = '[jobs."work.loop"]\nconcurrency = {}'
READ = "jobs.toml was read again"
REFUSED = "jobs.toml cannot be used"


async def slots(fleet):
    return (await policies.read(fleet.jobs.store))["work.loop"].policy.concurrency


async def in_force(fleet, count):
    async def so():
        return await slots(fleet) == count

    await until(so, f"concurrency = {count} is in force")


async def hang_up(worker, says, times=1):
    worker.signal(signal.SIGHUP)
    await until(lambda: worker.said().count(says) == times, f"it says {says!r}")


async def test_an_edit_is_in_force_after_a_hangup_and_nothing_was_restarted(fleet):
    fleet.configure(SLOTS.format(1))
    (worker,) = await fleet.start()
    await fleet.enqueue(4, do="hold", text="gate")
    fleet.configure(SLOTS.format(3))

    worker.signal(signal.SIGHUP)
    await in_force(fleet, 3)
    await until(lambda: sum(fleet.ledger.starts().values()) == 3, "three jobs run")
    fleet.ledger.open_gate("gate")

    assert 4 == (await fleet.ended())["completed"]
    assert worker.process.poll() is None
    worker.signal()
    assert 0 == await worker.exit_code()


async def test_a_broken_file_keeps_the_old_one_and_is_told_in_one_line_with_its_place(fleet):
    fleet.configure(SLOTS.format(1))
    (worker,) = await fleet.start()
    fleet.configure(SLOTS.format('"many"') + "\nmax_retrys = 3")
    lines = (fleet.folder / "jobs.toml").read_text().splitlines()

    await hang_up(worker, REFUSED)

    (line,) = [line for line in worker.said().splitlines() if REFUSED in line]
    for key in ("concurrency", "max_retrys"):
        number = next(at for at, text in enumerate(lines, 1) if text.startswith(key))
        assert f"jobs.toml:{number}: " in line
    assert READ not in worker.said()
    assert 1 == await slots(fleet)

    fleet.configure(SLOTS.format(2))
    await hang_up(worker, READ)
    assert 2 == await slots(fleet)


async def test_a_file_that_is_gone_keeps_the_old_one(fleet):
    (worker,) = await fleet.start()
    (fleet.folder / "jobs.toml").unlink()

    await hang_up(worker, REFUSED)

    assert "there is no such file" in worker.said()
    assert worker.process.poll() is None


async def test_a_child_that_starts_later_works_by_the_file_that_its_worker_started_with(fleet):
    (worker,) = await fleet.start()
    fleet.configure(SLOTS.format('"many"'))

    await fleet.enqueue(2, type="work.process")

    assert 2 == (await fleet.ended())["completed"]
    assert worker.process.poll() is None


async def test_the_parent_of_several_workers_passes_the_hangup_on(fleet):
    fleet.configure(SLOTS.format(1))
    parent = fleet.spawn("--processes", "2")

    async def both_run():
        return len(await inspect.workers(fleet.jobs.store)) == 2

    await until(both_run, "two workers join")
    fleet.configure(SLOTS.format(4))

    await hang_up(parent, READ, times=2)

    assert 4 == await slots(fleet)
    parent.signal()
    assert 0 == await parent.exit_code()


async def test_a_worker_takes_over_max_jobs_and_names_what_needs_a_restart(fleet):
    fleet.configure(max_jobs=1)
    (worker,) = await fleet.start()
    await fleet.enqueue(3, do="hold", text="gate")
    await until(fleet.ledger.starts, "one job runs")
    fleet.configure(max_jobs=3, threads=7, grace="9s")

    await hang_up(worker, READ)

    await until(lambda: sum(fleet.ledger.starts().values()) == 3, "three jobs run at once")
    (told,) = await inspect.workers(fleet.jobs.store)
    assert 3 == told.member.max_jobs
    (line,) = [line for line in worker.said().splitlines() if "only a restart" in line]
    assert "['runtime.grace', 'runtime.threads']" in line
    await hang_up(worker, READ, times=2)
    assert 1 == worker.said().count("only a restart")


async def test_a_schedule_is_in_force_after_a_hangup(fleet):
    (worker,) = await fleet.start()
    fleet.configure('[schedules.hourly]\njob = "work.loop"\nevery = "1h"')

    await hang_up(worker, READ)

    async def known():
        return "hourly" in (await schedules.read(fleet.jobs.store)).schedules

    await until(known, "the schedule is in force")
    assert "only a restart" not in worker.said()


async def test_a_worker_that_follows_changes_nothing_after_a_hangup(fleet):
    fleet.configure(SLOTS.format(1), policy="follow")
    (worker,) = await fleet.start()
    fleet.configure(SLOTS.format(5), policy="follow")

    await hang_up(worker, READ)

    assert 1 == await slots(fleet)
    assert "not_in_force=['work.loop']" in worker.said()


async def test_two_workers_with_one_file_put_it_in_force_once(fleet):
    fleet.configure(SLOTS.format(1))
    workers = await fleet.start(2)
    fleet.configure(SLOTS.format(2))

    await asyncio.gather(*(hang_up(worker, READ) for worker in workers))

    assert [2, 1] == [each.version for each in await policies.history(fleet.jobs.store, "work.loop")]
    assert all("not_in_force=[]" in worker.said() for worker in workers)


def test_a_worker_process_is_started_with_the_hangup_held_back():
    held = "import signal; print(signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    command = [sys.executable, die_with_parent.__file__, str(os.getpid()), sys.executable, "-c", held]
    assert b"True\n" == subprocess.check_output(command, timeout=40)
