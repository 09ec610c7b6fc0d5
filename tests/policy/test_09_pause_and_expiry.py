"""``expires``: a job that comes too late never starts; and ``pause``, which lets nothing start until it is resumed."""

import pytest

from jobframe.core.errors import JobFailed
from tests.fleet.workers import until


async def test_an_expired_job_never_starts(fleet):
    fleet.configure('[jobs."work.loop"]\nconcurrency = 1')
    async with fleet.here():
        first = await fleet.jobs.enqueue("work.loop", {"do": "hold", "text": "first"})
        await until(fleet.ledger.starts, "the first starts")
        late = await fleet.jobs.enqueue("work.loop", expires="1ms")
        fleet.ledger.open_gate("first")

        with pytest.raises(JobFailed, match="expired"):
            await late.result(timeout=30)
    assert {first.id: 1} == fleet.ledger.starts()
    assert 1 == (await fleet.jobs.counts())["expired"]


async def test_a_paused_type_starts_nothing_until_it_is_resumed(fleet):
    async with fleet.here():
        await fleet.jobs.pause("work.loop")
        paused = await fleet.jobs.enqueue("work.loop", {"text": "resumed"})
        assert "" == await (await fleet.jobs.enqueue("work.other")).result(timeout=30)
        assert not fleet.ledger.starts()[paused.id]
        await fleet.jobs.resume("work.loop")

        assert "resumed" == await paused.result(timeout=30)
