"""The server dies while handlers run: exclusive ones are given up in time, the others go on."""

from __future__ import annotations

import time

from tests.fleet.workers import until


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
