"""The blocking twin: the same verbs without an event loop."""

from __future__ import annotations

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobframe.client.blocking import SyncHandle, SyncJobs
from jobframe.client.connect import connect_sync
from jobframe.client.handle import Handle
from jobframe.client.jobs import Jobs
from jobframe.core.errors import JobCancelled, JobNotFound, StoreUnavailable, Timeout, UnknownJobType
from jobframe.core.job import State
from jobframe.core.jobtype import job
from tests.client.conftest import Page

CLIENT_THREAD = "jobframe-client"


def public(cls) -> set[str]:
    return {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}


def client_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == CLIENT_THREAD]


@pytest.fixture
def jobs(redis_url, namespace, monkeypatch, tmp_path):
    """A blocking client; this process declares ``page.read`` and ``page.close``."""
    monkeypatch.setattr("jobframe.core.jobtype._declared", {})
    job("page.read")(read)
    job("page.close")(close)
    settings = tmp_path / "jobs.toml"
    settings.write_text(f'[redis]\nurl = "{redis_url}"\nnamespace = "{namespace}"\n')
    with connect_sync(config=settings) as jobs:
        yield jobs


def read(ctx, page: Page): ...
def close(ctx): ...


def test_it_has_every_verb_of_its_asyncio_twin():
    assert public(SyncJobs) == public(Jobs) - {"aclose", "encode"}
    assert public(SyncHandle) == public(Handle)


def test_a_job_is_enqueued_watched_and_cancelled(jobs):
    handle = jobs.enqueue("page.read", Page(3), id="x", priority="high")

    assert ("page.read:x", True, "<SyncHandle page.read:x>") == (handle.id, handle.created, repr(handle))
    assert State.WAITING is handle.status()
    assert "page.read:x" == handle.info().id
    with pytest.raises(Timeout):
        handle.result(timeout=0.05)
    assert State.CANCELLED is handle.cancel("no use")
    with pytest.raises(JobCancelled, match="no use"):
        handle.result(timeout="20s")


def test_the_operators_verbs_block_too(jobs):
    one, two = jobs.enqueue_many([("page.close",), ("page.close",)])

    assert [True, True] == [one.created, two.created]
    assert (jobs.job(one.id).id, False) == (one.id, jobs.job(one.id).created)
    assert {one.id, two.id} == {info.id for info in jobs.jobs("page.close", "waiting").jobs}
    assert 2 == jobs.counts("page.close")["waiting"]
    assert State.CANCELLED is jobs.cancel(one.id)
    jobs.retry(one.id)
    assert State.WAITING is one.status()
    assert 2 == jobs.purge("page.close", state="waiting")
    with pytest.raises(JobNotFound):
        one.status()


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_errors_are_raised_where_the_verb_was_called(jobs, verb):
    with pytest.raises(UnknownJobType):
        getattr(jobs, verb)("page.close")


def test_threads_share_one_client(jobs):
    with ThreadPoolExecutor(16) as threads:
        handles = list(threads.map(lambda n: jobs.enqueue("page.read", Page(n)), range(200)))

    assert 200 == len({handle.id for handle in handles})
    assert 200 == jobs.counts()["waiting"]


async def test_it_works_under_a_running_event_loop_too(jobs):
    assert jobs.enqueue("page.close").created


def test_its_thread_ends_with_the_block(redis_url):
    before = client_threads()
    with connect_sync(redis_url):
        assert 1 == len(set(client_threads()) - set(before))

    assert before == client_threads()


def test_its_thread_ends_when_the_block_raises(redis_url):
    before = client_threads()
    with pytest.raises(ZeroDivisionError), connect_sync(redis_url):
        raise ZeroDivisionError

    assert before == client_threads()


def test_a_server_that_is_away_is_an_error_of_the_verb(tmp_path):
    with connect_sync(f"unix://{tmp_path}/nobody") as jobs, pytest.raises(StoreUnavailable, match="cannot reach"):
        jobs.counts()


@pytest.mark.parametrize("type_name", ["work.thread", "work.process"])
async def test_a_plain_handler_may_use_it_while_its_worker_works_on(fleet, type_name):
    async with fleet.here():
        parent = await fleet.jobs.enqueue(type_name, {"do": "fan", "text": "fanned"})

        child, _ = await parent.result(timeout=30)

        assert "fanned" == await (await fleet.jobs.job(child)).result(timeout=30)
