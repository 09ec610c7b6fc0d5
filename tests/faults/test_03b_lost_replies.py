"""Row 03b: answers of the server are lost while those who asked live; what they send again counts once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from jobframe.client.jobs import Jobs
from jobframe.store.scripts import script
from jobframe.store.store import Store
from tests.faults.form import FULL, load
from tests.faults.under_load import TIMEOUT_S, now_ns, start_again, tell
from tests.fleet.workers import until

JOBS, LOSSES = 500, load(50)
"""So many jobs in both forms: all losses must come while there are some, however slow this process is."""
BACK_WITHIN_S = 2.0
CLAIM, ENQUEUE = (script(name).sha.encode() for name in ("claim", "enqueue"))
LOSE = {
    "answers to claims": lambda network: network.lose_answers(1, of=CLAIM),
    "any answers": lambda network: network.lose_answers(1),
    "any calls": lambda network: network.lose_requests(1),
}

pytestmark = pytest.mark.timeout(TIMEOUT_S)


@pytest.mark.parametrize("what", LOSE)
async def test_a_job_runs_once_though_calls_and_answers_are_lost_while_its_worker_lives(fleet, network, what):
    fleet.configure(max_jobs=5)
    await fleet.start()
    jobs = await fleet.enqueue(JOBS, do="sleep", n=30)
    await until(fleet.ledger.starts, "jobs run")
    accepted, back_s = network.accepted, []
    for loss in range(LOSSES):
        LOSE[what](network)
        await until(lambda loss=loss: network.lost > loss, f"loss {loss + 1}")
        back_s.append(await start_again(fleet, now_ns()))
    counts = await fleet.ended()

    tell(f"{what}: jobs started again after {max(back_s):.2f} s at most; {network.accepted - accepted} new connections")
    assert LOSSES == network.lost
    if what == "answers to claims":
        assert all(b'"sleep"' in answer for answer in network.lost_answers), "each brought jobs"
    assert dict.fromkeys(jobs, 1) == fleet.ledger.starts()
    assert (JOBS, 0, 0, 0) == tuple(counts[name] for name in ("completed", "retried", "crashed", "interrupted"))
    assert not FULL or max(back_s) < BACK_WITHIN_S


async def test_a_job_is_not_given_back_while_the_answer_to_its_claim_is_late(fleet, network):
    fleet.configure(lease="3s")
    await fleet.start()
    await fleet.enqueue(1)
    await fleet.ended()  # by now the server knows the script, and is called by its hash
    network.hold(of=CLAIM)
    (job,) = await fleet.enqueue(1)
    await network.held()
    for renewal in range(3):
        renewed = await _lease_ends(fleet)
        await until(lambda renewed=renewed: _lease_ends_after(fleet, renewed), f"renewal {renewal + 1}")
    network.release()
    counts = await fleet.ended()

    assert 1 == fleet.ledger.starts()[job]
    assert (2, 0, 0) == tuple(counts[name] for name in ("completed", "interrupted", "crashed"))


async def _lease_ends(fleet):
    ((_, end),) = await fleet.jobs.store.redis.zrange(fleet.jobs.store.keys.workers, 0, -1, withscores=True)
    return end


async def _lease_ends_after(fleet, before):
    return await _lease_ends(fleet) > before


async def test_an_enqueue_makes_one_job_though_its_answer_is_lost(fleet, network):
    await fleet.start()
    async with aclosing(Store(network.url, fleet.namespace)) as store, aclosing(Jobs(store)) as jobs:
        acknowledged = []
        for _ in range(LOSSES):
            network.lose_answers(1, of=ENQUEUE)
            calls = [jobs.enqueue("work.loop", {"do": "sleep", "n": 30}) for _ in range(JOBS // LOSSES)]
            acknowledged += [handle.id for handle in await asyncio.gather(*calls)]
    counts = await fleet.ended()

    assert LOSSES == network.lost
    assert JOBS == len(set(acknowledged))
    assert dict.fromkeys(acknowledged, 1) == fleet.ledger.starts()
    assert (JOBS, 0) == (counts["completed"], counts["retried"])
