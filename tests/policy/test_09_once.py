"""``ctx.once``: a step that ended is not done again, whatever becomes of its attempt, its worker or its job."""

import asyncio
from typing import cast

import pytest

from jobframe.core.context import Context, Services
from jobframe.core.errors import Fenced
from jobframe.core.job import State
from jobframe.core.outcome import Cancelled, Completed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.runtime.notes import Notes
from jobframe.store import leases
from jobframe.store.notes import mark_step
from jobframe.store.purge import purge
from jobframe.store.store import Store
from tests.conformance.world import DAY
from tests.fleet.workers import until
from tests.proxy import Proxy

FAST = "".join(
    f'[jobs."work.{name}"]\nbackoff = {{ strategy = "fixed", base = "1ms", jitter = "none" }}\n'
    for name in ("loop", "thread", "process", "process_async", "batch", "batch_thread", "batch_process")
)
ANYWHERE = ["work.loop", "work.thread", "work.process", "work.process_async"]
IN_BATCHES = ["work.batch", "work.batch_thread", "work.batch_process"]


def mark(world, worker, job, step=""):
    return mark_step(world.store, worker, f"{job.type}:{job.unique}", job.fence, step)


async def ask(world, step=""):
    """Claim the one job that is due, and mark a step of it."""
    (job,) = (await world.claim()).jobs
    return job, await mark(world, "w1", job, step)


async def test_steps_are_kept_in_their_order_and_marked_once(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")

    assert [] == await mark(world, "w1", job)
    assert ["b"] == await mark(world, "w1", job, "b")
    assert ["b", "a"] == await mark(world, "w1", job, "a")
    assert ["b", "a"] == await mark(world, "w1", job, "b")
    assert ["b", "a", "b a"] == await mark(world, "w1", job, "b a")
    assert ("b", "a", "b a") == (await world.info("a:x")).steps


@pytest.mark.parametrize(
    "outcome",
    [Retried(0), Snoozed(0), Interrupted(), Failed("why"), Cancelled("why"), Parked("too new: payload version 2")],
)
async def test_steps_are_kept_through_every_end_that_another_run_may_follow(world, outcome):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await mark(world, "w1", job, "charge")
    await world.end("w1", job, outcome)

    if isinstance(outcome, Failed | Cancelled | Parked):
        assert ("charge",) == (await world.info("a:x")).steps
        await world.retry("a:x")

    assert ["charge"] == (await ask(world))[1]


async def test_steps_are_kept_when_a_worker_dies_or_leaves(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    job = await world.start("w1", "a", "x")
    await mark(world, "w1", job, "charge")
    await world.bury("w1")

    (again,) = (await world.claim("w2")).jobs
    assert ["charge"] == await mark(world, "w2", again)
    await world.leave("w2")
    await world.join("w1", "a")
    assert ["charge"] == (await ask(world))[1]


async def test_steps_go_with_the_completion_and_a_later_job_of_that_id_begins_anew(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x", given=True)
    await mark(world, "w1", job, "charge")
    await world.end("w1", job, Completed())

    assert not any(key.startswith("steps") for key in await world.dump())
    world.now += DAY
    await world.sweep()
    assert [] == await mark(world, "w1", await world.start("w1", "a", "x", given=True))


@pytest.mark.parametrize("way", ["purged", "aged"])
async def test_steps_go_when_a_failed_job_is_forgotten(world, way):
    await world.join("w1", "a", keep_failed_ms=DAY)
    job = await world.start("w1", "a", "x")
    await mark(world, "w1", job, "charge")
    await world.end("w1", job, Failed("why"))

    if way == "purged":
        assert 1 == await purge(world.store, "a", State.FAILED)
    else:
        world.now += DAY + 1
        await world.sweep()

    assert not any(key.startswith("steps") for key in await world.dump())


async def test_steps_go_when_a_delayed_job_is_purged(world):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    await mark(world, "w1", job, "charge")
    await world.end("w1", job, Retried(DAY))

    assert 1 == await purge(world.store, "a", State.DELAYED)
    assert not any(key.startswith("steps") for key in await world.dump())


async def test_a_run_that_no_longer_owns_its_job_marks_nothing_and_is_told(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    job = await world.start("w1", "a", "x")
    await world.bury("w1")
    (again,) = (await world.claim("w2")).jobs

    for worker, run in (("w1", job), ("w2", job), ("w1", again)):
        with pytest.raises(Fenced) as caught:
            await mark(world, worker, run, "charge")
        assert ("a:x", run.fence) == (caught.value.id, caught.value.fence)
    await world.end("w2", again, Completed())
    with pytest.raises(Fenced):
        await mark(world, "w2", again, "charge")
    assert not any(key.startswith("steps") for key in await world.dump())


@pytest.mark.parametrize("type_name", ANYWHERE + IN_BATCHES)
async def test_a_step_that_ended_is_not_done_again_by_the_next_attempt(fleet, type_name):
    fleet.configure(FAST)
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "once", "n": 2, "text": "charge fragile mail"})

        assert 3 == await handle.result(timeout=40)
    assert {"did charge": 1, "did fragile": 3, "did mail": 1} == did(fleet, handle.id)
    assert () == (await handle.info()).steps


@pytest.mark.parametrize("type_name", ["work.loop", "work.process"])
async def test_a_step_that_ended_is_not_done_again_by_a_replay(fleet, type_name):
    fleet.configure(FAST.replace("backoff", "max_retries = 0\nbackoff"))
    async with fleet.here():
        handle = await fleet.jobs.enqueue(type_name, {"do": "once", "n": 1, "text": "charge fragile"})
        await until(lambda: failed(handle), "the job fails")
        assert ("charge",) == (await handle.info()).steps
        for _ in range(2):
            await fleet.jobs.retry(handle.id)
            await until(lambda: failed(handle), "the job fails again")

    assert {"did charge": 1, "did fragile": 3} == did(fleet, handle.id)


@pytest.mark.parametrize("type_name", ["work.loop", "work.thread", "work.process"])
async def test_a_step_that_ended_is_not_done_again_when_its_worker_is_killed(fleet, type_name):
    """The step after it holds: the kill comes between the mark of one and the end of the other."""
    fleet.configure(FAST, lease="3s")
    (worker,) = await fleet.start()
    work = {"do": "once_and_hold", "text": "gate"}
    handle = await fleet.jobs.enqueue(type_name, work)
    await until(lambda: fleet.ledger.lines("did second"), "the second step begins")
    fleet.kill(worker)
    fleet.ledger.open_gate("gate")
    await fleet.start()

    await handle.result(timeout=40)
    assert {"did first": 1, "did second": 2} == did(fleet, handle.id)


async def test_a_handler_that_another_run_has_overtaken_is_told_at_the_end_of_its_step(fleet):
    """A thread cannot be stopped when its worker was taken for dead: it runs on beside the run that owns the job."""
    async with fleet.here() as runtime:
        handle = await fleet.jobs.enqueue("work.thread", {"do": "once_and_hold", "text": "gate"})
        await until(lambda: fleet.ledger.lines("did second"), "the second step begins")
        await leases.leave(fleet.jobs.store, runtime.worker_id)
        runtime.membership.ask()
        await until(lambda: len(fleet.ledger.lines("did second")) == 2, "another run begins it")
        fleet.ledger.open_gate("gate")

        await handle.result(timeout=40)
        (line,) = await until(lambda: fleet.ledger.lines("fenced"), "the first run is told")
    assert min(run.fence for run in fleet.ledger.runs(handle.id)) == line.fence
    assert {"did first": 1, "did second": 2} == did(fleet, handle.id)


async def failed(handle):
    return str(await handle.status()) == "failed"


def did(fleet, id):
    """How often each step was done."""
    counts = {}
    for line in fleet.ledger.lines(job=id):
        if line.what.startswith("did "):
            counts[line.what] = counts.get(line.what, 0) + 1
    return counts


async def test_a_mark_is_made_though_its_server_is_away_and_its_handler_was_stopped(world, any_url, namespace):
    await world.join("w1", "a")
    job = await world.start("w1", "a", "x")
    proxy = Proxy(any_url.removeprefix("unix://"))
    await proxy.accept()
    store = Store(proxy.url, namespace)
    notes = Notes(store, lambda: "w1", lambda _: b"")
    context = Context(cast("Services", None), "a:x", 1, 1, job.fence, 0, 0)
    await store.redis.ping()
    proxy.lose_requests(5)

    marking = asyncio.create_task(notes.mark(context, "charge"))
    await until(lambda: proxy.lost, "the mark is lost on its way")
    marking.cancel()

    async def marked():
        return (await world.info("a:x")).steps

    assert ("charge",) == await until(marked, "it is marked all the same")
    assert 5 == proxy.lost
    await store.aclose()
    await proxy.aclose()
