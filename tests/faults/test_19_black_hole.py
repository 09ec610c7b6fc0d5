"""A network that is slow, or swallows everything: no job is lost, none runs twice for it."""

from __future__ import annotations

import signal

from jobframe.store.inspect import workers
from tests.fleet.workers import until

EXCLUSIVE = '[jobs."work.other"]\nconcurrency = 1'


async def test_no_lease_is_lost_while_every_answer_takes_a_third_of_a_second(fleet, network):
    fleet.configure(lease="3s")
    await fleet.start(2)
    network.slow_down(0.1, 0.5)
    jobs = await fleet.enqueue(60, do="sleep", n=7000)  # more than two leases
    counts = await fleet.ended()

    assert network.slowed > 20
    assert dict.fromkeys(jobs, 1) == fleet.ledger.starts()
    assert (len(jobs), 0, 0) == tuple(counts[name] for name in ("completed", "retried", "crashed"))


async def test_a_worker_cut_off_gives_exclusive_jobs_up_before_another_starts_them(fleet, network):
    fleet.configure(EXCLUSIVE, lease="3s")
    (cut_off,) = await fleet.start()
    (exclusive,) = await fleet.enqueue(1, "work.other", do="hold", text="healed")
    await until(lambda: fleet.ledger.starts()[exclusive], "it runs")
    fleet.url = f"unix://{network.server}"
    fleet.configure(EXCLUSIVE, lease="3s")
    await fleet.start()
    network.swallow()
    await until(lambda: fleet.ledger.starts()[exclusive] == 2, "the other has taken it over")
    network.heal()
    await until(lambda: _joined(fleet, 2), "the first one is back")
    fleet.ledger.open_gate("healed")
    counts = await fleet.ended()

    assert cut_off.process.poll() is None
    assert 1 == fleet.ledger.most_at_once("work.other")
    assert (1, 1, 0) == tuple(counts[name] for name in ("completed", "crashed", "retried"))


async def test_a_worker_cut_off_gives_up_what_has_become_exclusive_while_it_ran(fleet, network):
    fleet.configure(lease="3s")
    (worker,) = await fleet.start()
    (job,) = await fleet.enqueue(1, "work.other", do="hold", text="healed")
    await until(lambda: fleet.ledger.starts()[job], "it runs")
    fleet.configure(EXCLUSIVE, lease="3s")
    worker.signal(signal.SIGHUP)
    await until(lambda: "jobs.toml was read again" in worker.said(), "the limit is in force")
    network.swallow()
    await until(lambda: fleet.ledger.lines("end", job), "it is given up")
    network.heal()
    fleet.ledger.open_gate("healed")

    assert 1 == (await fleet.ended())["completed"]


async def _joined(fleet, count):
    return len(await workers(fleet.jobs.store)) == count
