"""What a handler is given beside its payload."""

from __future__ import annotations

import asyncio
import datetime as dt

import attrs
import pytest
import structlog

from jobframe.core.context import MAX_FOLLOW_UP_BYTES, MAX_FOLLOW_UPS, App, Context
from jobframe.core.errors import PayloadError


@attrs.frozen
class FollowUp:
    type: str
    unique: str
    size: int = 1


class Notes:
    """Keeps what handlers note."""

    def __init__(self):
        self.reported = []
        self.steps = []

    def report(self, context):
        self.reported.append(str(context.reported))

    async def mark(self, _context, step):
        self.steps += [step] if step else []
        return tuple(self.steps)


class Services:
    """What a worker gives: here follow-ups as large as their payload says."""

    app = App({str: "a resource"})
    jobs = "the client"
    blocking_jobs = "the blocking client"
    worker_id = "w1"

    def __init__(self):
        self.prepared = []
        self.notes = Notes()

    async def prepare(self, job):
        self.prepared.append(job)
        if job.payload is False:
            raise PayloadError(job.type, "it does not fit")
        await asyncio.sleep(0)
        return FollowUp(job.type, job.id or str(len(self.prepared)), job.payload or 1)


def context(loop=None, headers=None, services=None) -> Context:
    return Context(services or Services(), "book.read:7", 2, 4, 99, 1_000, 61_000, headers, loop)


def test_a_context_says_which_attempt_of_which_job_this_is():
    ctx = context()

    assert ("book.read:7", "book.read", 2, 4, 99) == (ctx.job_id, ctx.type, ctx.attempt, ctx.max_attempts, ctx.fence)
    assert "<Context book.read:7 attempt 2/4>" == repr(ctx)
    assert {} == ctx.headers
    assert {"trace": "1"} == context(headers={"trace": "1"}).headers


def test_its_times_are_aware():
    ctx = context()

    assert dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC) == ctx.enqueued_at
    assert dt.timedelta(minutes=1) == ctx.deadline - ctx.enqueued_at
    assert (1_000, 61_000) == ctx.times_ms


def test_no_line_of_its_log_shows_what_is_sealed():
    ctx = context()
    ctx.secret = b'["hunter2", {"pin": 4711}]'

    with structlog.testing.capture_logs() as lines:
        log = ctx.log.bind(card=4711)
        log.info("got %s", "hunter2", parts=["hunter2", 1], page=3)
        try:
            int("hunter2")
        except ValueError:
            log.exception("failed")

    told, failed = lines
    assert {"event": "got [payload]", "parts": "['[payload]', 1]", "page": 3, "card": "[payload]", "job": "book.read:7",
            "attempt": 2, "log_level": "info"} == told  # fmt: skip
    assert failed["exception"].endswith("ValueError: invalid literal for int() with base 10: '[payload]'")
    assert "hunter2" not in str(failed)


def test_no_step_is_named_after_what_is_sealed():
    ctx = context()
    ctx.secret = b'["hunter2"]'

    assert ctx.once("charge") is not None
    with pytest.raises(ValueError, match="once: the name of a step holds a restricted value"):
        ctx.once("charge hunter2")


def test_every_line_of_its_log_names_the_job():
    with structlog.testing.capture_logs() as lines:
        context().log.info("reading", page=3)

    assert [{"event": "reading", "page": 3, "job": "book.read:7", "attempt": 2, "log_level": "info"}] == lines


def test_a_resource_is_found_by_its_class():
    assert "a resource" == context().resource(str)


def test_a_resource_that_nobody_provided_is_missed_by_name():
    with pytest.raises(LookupError, match="no resource int: its plugin provides it in jobframe_lifespan"):
        context().resource(int)


def test_a_resource_is_provided_under_its_own_or_a_given_class():
    app = App()
    app.provide(True)
    app.provide(7, object)

    assert [True, 7] == [app.resource(bool), app.resource(object)]


async def test_a_handler_in_the_loop_gets_the_client_and_one_in_a_thread_its_blocking_twin():
    assert ("the client", "the blocking client") == (context().jobs, context(asyncio.get_running_loop()).jobs)


async def test_a_follow_up_is_prepared_with_its_options_and_kept():
    services = Services()
    ctx = Context(services, "book.read:7", 2, 4, 99, 1_000, 61_000)

    follow_up = await ctx.enqueue("book.close", 5, id="x", priority="high")

    assert "book.close:x" == follow_up
    assert [FollowUp("book.close", "x", 5)] == ctx.follow_ups
    (job,) = services.prepared
    assert ("book.close", 5, "x", "high") == (job.type, job.payload, job.id, job.priority)


async def test_a_follow_up_that_does_not_fit_is_refused_at_once_and_not_kept():
    ctx = context()

    with pytest.raises(PayloadError, match="it does not fit"):
        await ctx.enqueue("book.close", False)
    assert [] == ctx.follow_ups


async def test_in_a_plain_handler_a_follow_up_is_enqueued_without_await():
    ctx = context(asyncio.get_running_loop())

    follow_up = await asyncio.to_thread(ctx.enqueue, "book.close", id="x")

    assert "book.close:x" == follow_up
    assert 1 == len(ctx.follow_ups)


async def test_a_job_has_at_most_256_follow_ups_also_when_they_are_made_at_once():
    ctx = context()

    made = await asyncio.gather(*[ctx.enqueue("book.close") for _ in range(300)], return_exceptions=True)

    assert MAX_FOLLOW_UPS == len(ctx.follow_ups) == len([each for each in made if isinstance(each, str)])
    refused = [str(each) for each in made if not isinstance(each, str)]
    expected = "payload of 'book.read': over 256 follow-ups or 1 MiB of them: send the rest with ctx.jobs.enqueue_many"
    assert [expected] * 44 == refused


async def test_a_job_has_at_most_1_mib_of_follow_ups():
    ctx = context()
    await ctx.enqueue("book.close", MAX_FOLLOW_UP_BYTES - 10)

    with pytest.raises(PayloadError, match="1 MiB"):
        await ctx.enqueue("book.close", 11)
    await ctx.enqueue("book.close", 10)

    assert MAX_FOLLOW_UP_BYTES == sum(each.size for each in ctx.follow_ups)


async def test_progress_is_checked_and_handed_on_and_lets_others_run():
    services = Services()
    ctx = context(services=services)
    ran = []
    asyncio.get_running_loop().call_soon(ran.append, True)

    await ctx.progress(1, 3, "pages")

    assert (["1/3 pages"], [True]) == (services.notes.reported, ran)
    with pytest.raises(ValueError, match="raise the total"):
        ctx.progress(4, 3)
    assert "1/3 pages" == str(ctx.reported)


async def test_a_helper_in_a_thread_of_an_async_handler_reports_without_await():
    services = Services()

    await asyncio.to_thread(lambda: bool(context(services=services).progress(2)))

    assert ["2"] == services.notes.reported


async def test_in_a_plain_handler_progress_is_reported_without_await():
    services = Services()
    ctx = context(asyncio.get_running_loop(), services=services)

    assert await asyncio.to_thread(ctx.progress, 2) is None
    assert ["2"] == services.notes.reported


async def test_only_the_newest_progress_is_unwritten_and_nothing_once_it_is_written():
    ctx = context()
    assert ctx.unwritten is None
    await ctx.progress(1)
    await ctx.progress(2)
    assert "2" == str(ctx.unwritten)
    ctx.written = ctx.reported
    assert ctx.unwritten is None


async def test_a_step_is_done_once():
    services = Services()
    ctx = context(services=services)
    firsts = []
    for _ in range(2):
        async with ctx.once("charge") as first:
            firsts.append(first)

    assert [True, False] == firsts
    assert ["charge"] == services.notes.steps


async def test_in_a_plain_handler_a_step_is_done_once_without_async():
    ctx = context(asyncio.get_running_loop())

    def handler():
        with ctx.once("charge") as first:
            return first

    assert [True, False] == [await asyncio.to_thread(handler) for _ in range(2)]


async def test_the_wrong_kind_of_with_is_refused():
    with pytest.raises(TypeError, match="context manager"), context().once("charge"):
        pass
    with pytest.raises(TypeError, match="context manager"):
        async with context(asyncio.get_running_loop()).once("charge"):
            pass


def test_a_context_names_its_worker():
    assert "w1" == context().worker
