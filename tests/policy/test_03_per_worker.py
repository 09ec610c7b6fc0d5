"""``per_worker``: how many jobs of a type one worker process runs at once, whatever the fleet does."""

import pytest

from tests.fleet.workers import until


@pytest.mark.parametrize(("type_name", "runtime"), [("work.loop", {}), ("work.thread", {"threads": 8})])
async def test_a_worker_runs_no_more_and_leaves_its_other_room_to_other_types(fleet, type_name, runtime):
    fleet.configure(f'[jobs."{type_name}"]\nper_worker = 2', **runtime)
    async with fleet.here():
        await fleet.enqueue(6, type_name, do="hold", text="gate")
        await until(lambda: len(fleet.ledger.starts()) == 2, "two run")

        assert "free" == await (await fleet.jobs.enqueue("work.other", {"text": "free"})).result(timeout=30)
        counts = await fleet.jobs.counts(type_name)
        assert (2, 4) == (counts["active"], counts["waiting"])
        fleet.ledger.open_gate("gate")
        await fleet.ended()

    assert 2 == fleet.ledger.most_at_once(type_name)


async def test_it_holds_for_each_worker_and_the_fleet_uses_it(fleet):
    fleet.configure('[jobs."work.loop"]\nper_worker = 3')
    await fleet.start(2)
    await fleet.enqueue(12, do="hold", text="gate")
    await until(lambda: len(fleet.ledger.starts()) == 6, "three run in each")
    fleet.ledger.open_gate("gate")
    counts = await fleet.ended()

    by_process = {}
    for run in fleet.ledger.runs("work.loop"):
        by_process.setdefault(run.pid, []).append(run)
    assert (12, 2) == (counts["completed"], len(by_process))
    assert 6 == fleet.ledger.most_at_once("work.loop")


async def test_it_holds_beside_a_limit_of_the_fleet(fleet):
    fleet.configure('[jobs."work.loop"]\nconcurrency = 3\nper_worker = 2')
    await fleet.start(2)
    await fleet.enqueue(30, do="sleep", n=20)
    counts = await fleet.ended()

    assert 30 == counts["completed"]
    assert 3 == fleet.ledger.most_at_once("work.loop")
