"""What a job is enqueued with, seen from its handler and from its history."""

from __future__ import annotations

import datetime as dt
import os

import pytest

from jobframe.core.errors import JobFailed, Timeout
from jobframe.core.job import State
from jobframe.store.store import Store

EVERYWHERE = ["work.loop", "work.thread", "work.process", "work.process_async"]


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_handler_sees_its_facts(fleet, type_name):
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "facts"}, headers={"trace": "7"}, max_retries=6)

        assert [1, 7, type_name, {"trace": "7"}, True] == await handle.result(timeout=30)


async def test_a_handler_without_fields_takes_only_the_context(fleet):
    async with fleet.here():
        assert 1 == await (await fleet.jobs.enqueue("work.empty")).result(timeout=30)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_a_resource_comes_from_the_lifespan_of_the_handlers_own_process(fleet, type_name):
    async with fleet.here():
        lit_in, run_in = await (await fleet.jobs.enqueue(type_name, {"do": "lamp"})).result(timeout=30)

    assert run_in == lit_in
    assert (os.getpid() == run_in) == ("process" not in type_name)


async def test_a_jobs_own_timeout_and_retries_stand_over_its_types(fleet):
    fleet.configure('[jobs."work.loop"]\ntimeout = "1h"\nmax_retries = 9\nbackoff = "none"')
    async with fleet.here():
        handle = await fleet.jobs.enqueue("work.loop", {"do": "hold"}, timeout="50ms", max_retries=1)

        with pytest.raises(JobFailed, match="exhausted: 2 of 2 attempts failed, the last with TimeoutError"):
            await handle.result(timeout=30)


async def test_a_delay_is_waited_for(fleet):
    async with fleet.here():
        delayed = await fleet.jobs.enqueue("work.loop", {"text": "delayed"}, delay="400ms")
        at = dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=400)  # noqa: TID251 - a producer's own clock
        dated = await fleet.jobs.enqueue("work.loop", {"text": "dated"}, at=at)

        assert [State.DELAYED] * 2 == [await delayed.status(), await dated.status()]
        assert ["delayed", "dated"] == [await delayed.result(timeout=30), await dated.result(timeout=30)]


async def test_the_same_id_and_the_same_key_find_the_job_that_is_there(fleet):
    async with fleet.here():
        first = await fleet.jobs.enqueue("work.loop", {"do": "hold", "text": "same"}, id="x", key="k")
        by_id = await fleet.jobs.enqueue("work.loop", {"text": "other"}, id="work.loop:x")
        by_key = await fleet.jobs.enqueue("work.loop", {"text": "other"}, key="k")
        fleet.ledger.open_gate("same")

        assert "same" == await first.result(timeout=30)
        again = await fleet.jobs.enqueue("work.loop", {"text": "again"}, id="x")
        free = await fleet.jobs.enqueue("work.loop", {"text": "free"}, key="k")
        assert "free" == await free.result(timeout=30)
    assert [(first.id, False)] * 3 == [(each.id, each.created) for each in (by_id, by_key, again)]
    assert free.created
    assert {first.id: 1, free.id: 1} == fleet.ledger.starts()


async def test_a_result_is_waited_for_until_the_time_is_up(fleet):
    async with fleet.here():
        handle = await fleet.jobs.enqueue("work.loop", {"do": "hold", "text": "result"})
        with pytest.raises(Timeout):
            await handle.result(timeout=0.2)
        fleet.ledger.open_gate("result")

        assert "result" == await handle.result()


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_the_clients_verbs_in_a_handler_send_at_once(fleet, type_name):
    async with fleet.here():
        parent = await fleet.jobs.enqueue(type_name, {"do": "fan", "text": "fanned"})
        fanned, state = await parent.result(timeout=30)

        assert "fanned" == await (await fleet.jobs.job(fanned)).result(timeout=30)
    assert "work.other:fanned" == fanned
    assert state in (State.WAITING, State.ACTIVE, State.COMPLETED)


async def test_flushed_scripts_are_loaded_again_by_whoever_misses_them(fleet):
    async with fleet.here():
        store = Store(fleet.url, fleet.namespace)
        for n in range(20):
            await store.redis.script_flush()
            assert str(n) == await (await fleet.jobs.enqueue("work.loop", {"text": str(n)})).result(timeout=30)
        await store.aclose()
    counts = await fleet.jobs.counts()
    assert (20, 0, 0) == (counts["completed"], counts["retried"], counts["crashed"])
