"""Row 21: Sentinel promotes the replica under load; with ``durability = "replicated"`` nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from jobframe.client.jobs import Jobs
from jobframe.store.connection import STORE_ERRORS
from jobframe.store.store import Store
from tests.faults.form import FULL
from tests.faults.sentinels import NAME, make_sentinels
from tests.faults.under_load import (
    JOBS,
    PATIENCE_S,
    RUNTIME,
    TIMEOUT_S,
    midway,
    now_ns,
    start_again,
    tell,
    under_load,
)
from tests.fleet.fixtures import fleet_at
from tests.fleet.oracle import after_effects
from tests.fleet.producer import judge
from tests.fleet.workers import until

MAY_LOSE_S = {"aof": 1.0 if FULL else 5.0, "replicated": 0.0}
"""How far a replica may lag behind; on a busy machine by more than a second."""

MAY_REST_S = 5.0
LEFT_WITHIN_S = 2.0
"""An old primary that lives on takes jobs until the sentinels have told of the new one."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIMEOUT_S)]


@pytest.mark.parametrize("durability", MAY_LOSE_S)
@pytest.mark.parametrize("how", ["killed", "switched over"])
async def test_a_failover_loses_what_its_durability_allows(
    make_server, namespace, tmp_path, monkeypatch, durability, how
):
    sentinels = await asyncio.to_thread(make_sentinels, make_server)
    first, second = sentinels.servers
    async with (
        fleet_at(sentinels.url, namespace, tmp_path, monkeypatch) as fleet,
        aclosing(Store(sentinels.url, namespace, durability)) as store,
        aclosing(Jobs(store)) as jobs,
    ):
        fleet.configure(durability=durability, **RUNTIME)
        workers = await fleet.start(2)
        async with under_load(fleet, jobs, besides={"do": "effect", "n": 50}) as producer:
            await midway(fleet, producer, JOBS // 3)
            at = time.monotonic()
            if how == "killed":
                first.kill()
            else:
                await asyncio.to_thread(sentinels.one.execute_command, "SENTINEL", "FAILOVER", NAME)
            await until(lambda: sentinels.primary() is second, "the replica is promoted", PATIENCE_S)
            promoted = now_ns()
            await until(lambda: _is_at(fleet.jobs.store, second), "the client goes there", PATIENCE_S)
            followed = now_ns()
            resumed = (followed - promoted) / 1e9 + await start_again(fleet, followed)
            taken = len(producer.acknowledged)
            if how == "killed":
                await asyncio.to_thread(first.start)  # the sentinels make a replica of it
        counts, verdict = await fleet.jobs.counts(), await judge(fleet, producer)
        _, marked_again, _ = after_effects(fleet.ledger)

        over = at if how == "killed" else promoted / 1e9  # what the old primary takes from then on is lost
        lost = [producer.acknowledged[job] - over for job in verdict.lost] or [0.0]
        tell(
            f"{durability}, {how}: promoted after {promoted / 1e9 - at:.2f} s, jobs started {resumed:.2f} s later; "
            f"{len(verdict.lost)} of {taken} lost ({min(lost):.2f} to {max(lost):.2f} s), "
            f"{verdict.repeated} ran again, {marked_again} with an effect that was marked, "
            f"{len(producer.unknown)} unknown, {len(producer.refused)} refused"
        )
        assert ([], 0) == (verdict.lost, marked_again) or durability != "replicated"
        assert min(lost) >= -MAY_LOSE_S[durability]
        assert max(lost) <= LEFT_WITHIN_S or not FULL
        assert set() == verdict.uninvited
        assert (0, 0) == (counts["retried"], counts["failed"])
        assert [None, None] == [worker.process.poll() for worker in workers]
        assert resumed <= MAY_REST_S or not FULL


async def _is_at(store, server):
    try:
        return int((await store.redis.config_get("port"))["port"]) == server.ports["port"]
    except STORE_ERRORS:
        return False
