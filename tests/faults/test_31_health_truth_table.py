"""What /readyz of a real worker says of each trouble, with the reason, and no longer when it is over."""

from __future__ import annotations

import json
import re
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.faults.form import FULL
from tests.fleet.workers import PATIENCE_S, until

FLIPS_WITHIN_S = 10
HELD = 7


class Health:
    """Asks the worker's own status server."""

    def __init__(self, worker):
        self.worker = worker

    def ask(self):
        """Return the status of the answer, and its checks."""
        found = re.search(r"^status +(http\S+)/metrics$", self.worker.said(), re.MULTILINE)
        if found is None:
            return 0, {}
        try:
            with urlopen(f"{found[1]}/readyz", timeout=PATIENCE_S) as answer:  # noqa: S310 - our own
                return answer.status, json.load(answer)["checks"]
        except HTTPError as answer:
            return answer.code, json.load(answer)["checks"]

    async def flips(self, status, **troubles):
        """Wait until exactly these checks are in trouble, each for its reason, and hold it to the time."""

        def has_flipped():
            found, checks = self.ask()
            bad = {name: check["reason"] for name, check in checks.items() if check["status"] != "ok"}
            return (
                found == status
                and bad.keys() == troubles.keys()
                and all(troubles[name] in reason for name, reason in bad.items())
            )

        began = time.monotonic()
        await until(has_flipped, f"{status} for {troubles or 'nothing'}; {self.ask()}")
        assert not FULL or time.monotonic() - began < FLIPS_WITHIN_S


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
