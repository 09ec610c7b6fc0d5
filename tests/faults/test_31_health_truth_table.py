"""What /readyz of a real worker says of each trouble, with the reason, and no longer when it is over."""

from __future__ import annotations

import pytest

from tests.faults.readyz import Health
from tests.fleet.workers import PATIENCE_S

HELD = 7


@pytest.mark.timeout(4 * PATIENCE_S)
async def test_each_trouble_has_its_verdict_and_its_reason_until_it_is_over(durable_fleet, own_server):
    fleet = durable_fleet
    fleet.configure("[status]\nport = 0", durability="aof")
    redis = fleet.jobs.store.redis
    (worker,) = await fleet.start(status=True)
    health = Health(worker)
    await health.flips(200)

    await fleet.jobs.pause("work.loop")
    await health.flips(200, paused="an operator paused work.loop")
    await fleet.jobs.resume("work.loop")
    await health.flips(200)

    await redis.config_set("maxmemory", 1)
    await health.flips(200, memory="maxmemory")
    await redis.config_set("maxmemory", 0)
    await health.flips(200)

    await redis.config_set("maxmemory-policy", "allkeys-lru")
    await health.flips(200, durability="set it to noeviction")
    await redis.config_set("maxmemory-policy", "noeviction")
    await health.flips(200)

    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    await health.flips(503, store="takes no writes")
    await redis.execute_command("REPLICAOF", "NO", "ONE")
    await health.flips(200)

    own_server.kill()
    await health.flips(503, store="")
    own_server.start()
    await redis.connection_pool.disconnect()
    await health.flips(200)

    await fleet.enqueue(1, do="block", n=9_000)
    await health.flips(503, loop="event loop blocked for")
    await health.flips(200)

    await fleet.jobs.pause("work.other")
    await fleet.enqueue(HELD, "work.other")
    await health.flips(200, paused="an operator paused work.other")
    await redis.flushall()
    await health.flips(200, data="the store lost its data before")
    assert f", {HELD} jobs among it" in health.ask()[1]["data"]["reason"]
