"""How much runs at once: limits of types over all workers, pools and max_jobs of one."""

from __future__ import annotations

import time

import pytest

from tests.fleet.workers import until

A_LOOK_S = 2.5
"""Much longer than a wake-up takes, and much shorter than the look that would make up for a lost one."""

LIMITED = """
[jobs."work.loop"]
concurrency = 3
[jobs."work.thread"]
concurrency = 2
[jobs."work.process"]
concurrency = 1
"""


async def test_the_limits_of_several_types_hold_over_all_workers_and_are_used(fleet):
    fleet.configure(LIMITED, children=2)
    await fleet.start(2)
    await fleet.enqueue(60, do="sleep", n=20)
    await fleet.enqueue(30, "work.thread", do="sleep", n=20)
    await fleet.enqueue(10, "work.process", do="sleep", n=20)
    await fleet.enqueue(60, "work.other", do="sleep", n=20)
    counts = await fleet.ended()

    most = {name: fleet.ledger.most_at_once(name) for name in ("work.loop", "work.thread", "work.process")}
    assert {"work.loop": 3, "work.thread": 2, "work.process": 1} == most
    assert fleet.ledger.most_at_once("work.other") > 3
    assert 160 == counts["completed"]


@pytest.mark.parametrize(
    ("type_name", "runtime", "most"),
    [
        ("work.thread", {"threads": 3}, 3),
        ("work.process", {"children": 2}, 2),
        ("work.process_async", {"children": 1}, 1),
        ("work.loop", {"max_jobs": 4}, 4),
    ],
)
async def test_a_worker_claims_no_more_than_its_pool_can_start(fleet, type_name, runtime, most):
    fleet.configure(**runtime)
    async with fleet.here():
        await fleet.enqueue(3 * most, type_name, do="hold", text="pool")
        await until(lambda: len(fleet.ledger.starts()) == most, "the pool is full")

        others = type_name != "work.loop"
        if others:  # a full pool keeps no other pool waiting
            assert "free" == await (await fleet.jobs.enqueue("work.other", {"text": "free"})).result(timeout=30)
        counts = await fleet.jobs.counts(type_name)
        assert (most, 2 * most) == (counts["active"], counts["waiting"])
        fleet.ledger.open_gate("pool")
        await fleet.ended()
    runs = fleet.ledger.runs(type_name)
    assert most == fleet.ledger.most_at_once(type_name)
    assert (runs[-1].start - runs[0].end) / 1e9 < A_LOOK_S, "a freed place is filled at once"


@pytest.mark.parametrize("type_name", ["work.thread", "work.process"])
async def test_a_pool_that_was_full_is_woken_by_a_new_job_when_it_has_room_again(fleet, type_name):
    fleet.configure(threads=1, children=1)
    async with fleet.here():
        full = await fleet.jobs.enqueue(type_name, {"do": "hold", "text": "full"})
        await until(lambda: fleet.ledger.starts()[full.id], "the pool is full")
        await (await fleet.jobs.enqueue("work.other")).result(timeout=30)
        fleet.ledger.open_gate("full")
        await full.result(timeout=30)
        enqueued = time.monotonic()
        new = await fleet.jobs.enqueue(type_name)

        await new.result(timeout=30)
        assert time.monotonic() - enqueued < A_LOOK_S


async def test_a_raised_limit_is_used_at_once_and_a_lowered_one_kept(fleet):
    fleet.configure('[jobs."work.loop"]\nconcurrency = 1')
    await fleet.start()
    await fleet.enqueue(9, do="hold", text="limit")
    await until(lambda: len(fleet.ledger.starts()) == 1, "one runs")
    fleet.configure('[jobs."work.loop"]\nconcurrency = 4')
    await fleet.start()
    await until(lambda: len(fleet.ledger.starts()) == 4, "four run")
    fleet.ledger.open_gate("limit")
    await fleet.ended()

    assert 4 == fleet.ledger.most_at_once()
