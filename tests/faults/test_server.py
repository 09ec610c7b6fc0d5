"""kill -9 of the server under load: the worker goes on when it is back, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import time

import pytest

from jobframe.core.errors import JobNotFound, StoreUnavailable
from jobframe.core.job import State
from jobframe.store import inspect
from tests.fleet.workers import until

MAY_LOSE_S = 2.0
"""appendfsync everysec: the server may hold a write back for as long while it syncs."""


class Producer:
    """
    Enqueues one job after another, and knows of each what it was told.

    Attributes:
        acknowledged: Job id → when it was acknowledged.
        unknown: Ids of jobs that may be there or not.

    """

    def __init__(self, jobs):
        self.jobs = jobs
        self.acknowledged = {}
        self.unknown = []
        self.stopped = False

    async def run(self):
        """Enqueue until stopped."""
        number = 0
        while not self.stopped:
            number += 1
            try:
                handle = await self.jobs.enqueue("work.loop", {"do": "sleep", "n": 20}, id=f"n{number}")
            except StoreUnavailable as error:
                if error.acknowledged is None:
                    self.unknown.append(f"work.loop:n{number}")
                await asyncio.sleep(0.05)
            else:
                self.acknowledged[handle.id] = time.monotonic()
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_the_worker_goes_on_after_kill_9_of_the_server_and_no_acknowledged_job_is_lost(
    durable_fleet, own_server, fsync
):
    fleet = durable_fleet
    await fleet.jobs.store.redis.config_set("appendfsync", fsync)
    (worker,) = await fleet.start()
    await until(fleet.jobs.store.redis.ping, "the server is there")
    producer = Producer(fleet.jobs)
    producing = asyncio.create_task(producer.run())
    for _ in range(2):
        goal = len(producer.acknowledged) + 200
        await until(lambda goal=goal: len(producer.acknowledged) >= goal, "jobs are acknowledged")
        noticed = worker.said().count("store unavailable")
        own_server.kill()
        killed = time.monotonic()
        before = dict(producer.acknowledged)
        await until(lambda n=noticed: worker.said().count("store unavailable") > n, "the worker has noticed")
        own_server.start()
        ran = len(fleet.ledger.lines("end"))
        await until(lambda ran=ran: len(fleet.ledger.lines("end")) > ran, "jobs run again")
    producer.stopped = True
    await producing
    await fleet.ended()

    assert worker.process.poll() is None, "it was not restarted"
    lost = [job for job in producer.acknowledged if State.COMPLETED != await state(fleet, job)]
    old = [job for job in lost if fsync == "always" or killed - before.get(job, killed) > MAY_LOSE_S]
    assert [] == old
    started = set(fleet.ledger.starts())
    assert started <= {*producer.acknowledged, *producer.unknown}
    assert set(producer.acknowledged) - set(lost) <= started


async def test_exclusive_handlers_are_given_up_before_the_lease_is_lost_and_others_go_on(durable_fleet, own_server):
    fleet = durable_fleet
    fleet.configure(
        '[jobs."work.loop"]\nconcurrency = 1\n[jobs."work.process"]\nconcurrency = 1', lease="3s", durability="aof"
    )
    await fleet.jobs.store.redis.config_set("appendfsync", "always")
    await fleet.start()
    exclusive = {
        name: (await fleet.enqueue(1, name, do="hold", text="back"))[0] for name in ("work.loop", "work.process")
    }
    (free,) = await fleet.enqueue(1, "work.other", do="hold", text="back")
    await until(lambda: len(fleet.ledger.starts()) == 3, "all run")
    own_server.kill()
    killed = time.monotonic_ns()
    await until(lambda: fleet.ledger.lines("end", exclusive["work.loop"]), "it is given up")
    child_ended = [line.ns for line in fleet.ledger.lines("tick", exclusive["work.process"])][-1]
    (loop_ended,) = [line.ns for line in fleet.ledger.lines("end")]
    own_server.start()
    await until(lambda: len(fleet.ledger.lines("start")) == 5, "both run again")
    fleet.ledger.open_gate("back")
    counts = await fleet.ended()

    assert all((ended - killed) / 1e9 < 3 for ended in (loop_ended, child_ended))
    assert {exclusive["work.loop"]: 2, exclusive["work.process"]: 2, free: 1} == fleet.ledger.starts()
    assert (3, 2, 0, 0) == tuple(counts[key] for key in ("completed", "interrupted", "crashed", "retried"))


async def state(fleet, job):
    """Return the state of a job, None when the store does not know it."""
    try:
        return (await inspect.info(fleet.jobs.store, job)).state
    except JobNotFound:
        return None
