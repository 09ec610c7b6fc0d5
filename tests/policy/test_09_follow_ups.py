"""What a handler enqueues with ``ctx.enqueue`` goes out with its job's completion: never lost, doubled or sent else."""

import pytest

from jobframe.core.job import State
from tests.fleet.workers import until

EVERYWHERE = ["work.loop", "work.thread", "work.process", "work.process_async", "work.batch", "work.batch_process"]


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_follow_ups_are_sent_with_the_completion_of_their_job(fleet, type_name):
    async with fleet.here():
        parent = await fleet.jobs.enqueue(type_name, {"do": "follow", "text": "child"})
        child = await fleet.jobs.job(await parent.result(timeout=30))

        assert "child" == await child.result(timeout=30)


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_follow_ups_of_a_failed_attempt_are_dropped(fleet, type_name):
    fleet.configure(f'[jobs."{type_name}"]\nmax_retries = 0')
    async with fleet.here():
        parent = await fleet.jobs.enqueue(type_name, {"do": "follow", "n": 1})
        await fleet.ended()

    assert State.FAILED == await parent.status()
    assert {parent.id: 1} == fleet.ledger.starts()


@pytest.mark.parametrize("type_name", EVERYWHERE)
async def test_answers_lost_on_their_way_neither_lose_nor_double_a_follow_up(fleet, proxy, type_name):
    """The worker sends again what was not answered, its settlings among it."""
    fleet.url = proxy.url
    parents, children = [], []
    async with fleet.here():
        await (await fleet.jobs.enqueue(type_name)).result(timeout=30)
        for n in range(8):
            proxy.lose_answers(3)
            some = await fleet.jobs.enqueue_many([(type_name, {"do": "follow", "text": str(n)})] * 5)
            parents += [parent.id for parent in some]
            children += [await parent.result(timeout=40) for parent in some]
        counts = await fleet.ended("work.other")

    starts = fleet.ledger.starts()
    assert proxy.lost > 8
    assert len(parents) == counts["completed"] == len(set(children))
    assert {1} == {starts[job] for job in (*parents, *children)}
    assert len(children) == len(fleet.ledger.starts("work.other"))


@pytest.mark.parametrize("type_name", ["work.loop", "work.process"])
async def test_workers_that_are_killed_neither_lose_nor_double_a_follow_up(fleet, type_name):
    """A parent whose worker was killed runs again; only the run that completes it sends the follow-up."""
    fleet.configure(lease="3s")
    await fleet.start(2)
    parents = [handle.id for handle in await fleet.jobs.enqueue_many([(type_name, {"do": "follow"})] * 300)]
    for share in (50, 150):
        await until(lambda share=share: len(fleet.ledger.starts(type_name)) >= share, f"{share} parents have started")
        fleet.kill(fleet.workers[-1])
        fleet.spawn()
    completed = (await fleet.ended())["completed"]
    await fleet.ended("work.other")

    children = [await (await fleet.jobs.job(parent)).result(timeout=5) for parent in parents]
    assert completed == 2 * len(parents)
    assert set(children) == fleet.ledger.starts("work.other").keys()
    assert len(parents) == len(set(children)) == (await fleet.jobs.counts("work.other"))["completed"]
