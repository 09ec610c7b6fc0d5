"""``ctx.progress``: operators see how far a job has come; the newest report wins, and a tight loop costs little."""

import pytest

from jobframe.core.job import State
from jobframe.core.outcome import Completed, Failed, Retried
from jobframe.core.progress import Progress
from jobframe.runtime import notes
from jobframe.store.notes import Report, encode_progress, write_progress
from jobframe.store.purge import purge
from tests.conformance.world import SECOND
from tests.fleet.workers import until

ONCE = "".join(f'[jobs."{name}"]\nmax_retries = 0\n' for name in ("work.loop", "work.thread", "work.process"))
ANYWHERE = ["work.loop", "work.thread", "work.process", "work.process_async"]
IN_BATCHES = ["work.batch", "work.batch_thread", "work.batch_process"]


async def report(world, worker, job, done, total=None, note=""):
    """Report, and tell what is then known of the job."""
    name = f"{job.type}:{job.unique}"
    await write_progress(world.store, worker, [Report(name, job.fence, Progress(done, total, note))])
    return (await world.info(name)).progress


async def test_the_newest_report_is_kept_with_its_time(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    assert (await world.info("a:x")).progress is None

    assert Progress(1, 3, "pages", world.now) == await report(world, "w1", job, 1, 3, "pages")
    world.now += SECOND
    assert Progress(2.5, None, "", world.now) == await report(world, "w1", job, 2.5)


async def test_a_run_that_no_longer_owns_its_job_reports_nothing(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    job = await world.start("w1", "a", "x")
    await world.bury("w1")
    (again,) = (await world.claim("w2")).jobs

    for worker, run in (("w1", job), ("w2", job), ("w1", again)):
        assert await report(world, worker, run, 1) is None
    await world.end("w2", again, Failed("why"))
    assert await report(world, "w2", again, 1) is None


async def test_what_an_earlier_run_reported_is_not_shown_of_a_running_job(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    reported = await report(world, "w1", job, 7, 9)
    await world.end("w1", job, Retried(SECOND))
    assert reported == (await world.info("a:x")).progress
    world.now += SECOND

    (again,) = (await world.claim()).jobs
    assert (await world.info("a:x")).progress is None
    assert Progress(1, None, "", world.now) == await report(world, "w1", again, 1)


async def test_the_last_report_goes_with_the_end_unless_the_job_completes(world):
    await world.join("w1", "a")
    for unique, outcome, seen in (("x", Failed("why"), Progress(9, 10, "", world.now)), ("y", Completed(), None)):
        job = await world.start("w1", "a", unique)
        await report(world, "w1", job, 5, 10)
        reached = b"" if isinstance(outcome, Completed) else encode_progress(Progress(9, 10))
        await world.end("w1", job, outcome, reached=reached)

        assert seen == (await world.info(f"a:{unique}")).progress


async def test_a_refused_end_reports_nothing(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    job = await world.start("w1", "a", "x")
    await world.bury("w1")

    assert not await world.end("w1", job, Failed("why"), reached=encode_progress(Progress(9, 10)))
    assert (await world.info("a:x")).progress is None


async def test_reports_go_with_their_job(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await report(world, "w1", job, 1)
    await world.end("w1", job, Failed("why"))

    assert 1 == await purge(world.store, "a", State.FAILED)
    assert not any(key.startswith("progress") for key in await world.dump())


async def test_many_jobs_report_in_one_call(world):
    await world.join("w1", "a")
    for _ in range(3):
        await world.send(*(world.job("a") for _ in range(100)))
    jobs = (await world.claim(room=300)).jobs
    await write_progress(
        world.store, "w1", [Report(f"a:{job.unique}", job.fence, Progress(n)) for n, job in enumerate(jobs)]
    )

    shown = [(await world.info(f"a:{jobs[n].unique}")).progress for n in (0, 255, 256, 299)]
    assert [0, 255, 256, 299] == [progress.done if progress else None for progress in shown]


@pytest.mark.parametrize("type_name", ANYWHERE + IN_BATCHES)
async def test_a_running_jobs_progress_is_seen_from_elsewhere(fleet, type_name):
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "report", "n": 40, "text": "pp"})
        assert "40/40 pp" == await until(lambda: shown(handle, 40), "its progress is seen")
        assert State.ACTIVE == await handle.status()
        fleet.ledger.open_gate("reported")

        await handle.result(timeout=40)
        assert (await handle.info()).progress is None


@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_the_last_report_of_a_job_that_fails_is_kept(fleet, type_name):
    """It comes right before the end, when it cannot have been written by itself."""
    fleet.configure(ONCE)
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "report_fail", "n": 40, "text": "pp"})
        await until(lambda: is_failed(handle), "it fails")

        assert "40/40 pp" == await shown(handle, 40)


async def test_payload_values_are_masked_in_the_note(fleet):
    """Here the note is the payload's own text."""
    async with fleet.here():
        for type_name in ("work.loop", "work.process", "work.batch"):
            handle = await fleet.jobs.enqueue(type_name, {"do": "report", "n": 1, "text": "Ada Lovelace"})
            assert "1/1 [payload]" == await until(lambda handle=handle: shown(handle, 1), "its progress is seen")


@pytest.mark.parametrize("type_name", ["work.loop", "work.thread"])
async def test_a_tight_loop_of_reports_costs_a_few_calls(fleet, monkeypatch, type_name):
    calls = []

    async def counted(store, worker, reports):
        calls.append(len(reports))
        await write_progress(store, worker, reports)

    monkeypatch.setattr(notes, "write_progress", counted)
    async with fleet.here():
        jobs = [await fleet.jobs.enqueue(type_name, {"do": "report", "n": 3000}) for _ in range(2)]
        for handle in jobs:
            await until(lambda handle=handle: shown(handle, 3000), "its progress is seen")

    assert 0 < len(calls) <= 2 * 3000 / 50


async def test_reports_wait_for_their_server(fleet, proxy):
    fleet.url = proxy.url
    async with fleet.here():
        handle = await fleet.jobs.enqueue("work.loop", {"do": "report", "n": 40})
        proxy.lose_requests(8)
        assert "40/40" == await until(lambda: shown(handle, 40), "its progress is seen")


async def shown(handle, done):
    """The job's progress as text, once it is that far."""
    progress = (await handle.info()).progress
    return progress is not None and progress.done >= done and str(progress)


async def is_failed(handle):
    return await handle.status() is State.FAILED
