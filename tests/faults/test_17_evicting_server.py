"""Row 17: a server that drops keys is refused at the start, and one that begins to drop them is told of."""

from __future__ import annotations

import time

from tests.faults.form import FULL
from tests.faults.readyz import readyz
from tests.faults.under_load import tell
from tests.fleet.workers import until

EVICTING, SAFE = "allkeys-lru", "noeviction"
CONFIG_IS_WRONG = 3
TOLD_WITHIN_S = 30.0


async def test_a_worker_refuses_a_server_that_drops_keys_unless_it_was_told_not_to_care(durable_fleet):
    fleet = durable_fleet
    await fleet.jobs.store.redis.config_set("maxmemory-policy", EVICTING)
    refused = fleet.spawn()
    code = await refused.exit_code()
    fleet.workers.remove(refused)
    fleet.configure(durability="best-effort")
    await fleet.start()

    assert CONFIG_IS_WRONG == code
    assert "maxmemory-policy drops keys" in refused.said()
    assert "set it to noeviction" in refused.said()


async def test_a_server_that_begins_to_drop_keys_degrades_until_it_is_set_right(durable_fleet):
    fleet = durable_fleet
    await fleet.start()
    with readyz(fleet) as ready:
        assert ("ok", "append-only file on") == await ready.check("durability")
        await fleet.jobs.store.redis.config_set("maxmemory-policy", EVICTING)
        begun = time.monotonic()
        told = await until(lambda: ready.when("durability", "degraded"), "it is told")
        told_s = time.monotonic() - begun
        (job,) = await fleet.enqueue(1)
        await fleet.ended()
        await fleet.jobs.store.redis.config_set("maxmemory-policy", SAFE)
        await until(lambda: ready.when("durability", "ok"), "all is well again")

    tell(f"told after {told_s:.2f} s: {told}")
    assert "maxmemory-policy drops keys" in told
    assert {job: 1} == fleet.ledger.starts(), "workers go on"
    assert told_s <= TOLD_WITHIN_S or not FULL
