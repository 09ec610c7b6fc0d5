"""The plugin of these tests: handlers that do what their payload says and write down when they ran."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import attrs

import jobframe
from jobframe.core.clock import wall_ms


@attrs.frozen
class Work:
    """
    What a handler shall do.

    Attributes:
        do: An action of this module.
        n: Its number: milliseconds, a count, an attempt.
        text: Its text: a reason, a gate, a result.

    """

    do: str = "answer"
    n: int = 0
    text: str = ""


@attrs.frozen
class Secret:
    """
    What a handler shall do with what nobody may see.

    Attributes:
        name: Nothing to hide.
        number: The text of its `Work`.
        pin: Follows in that text, when it is given.
        note: What a deployment may seal.
        do: An action of this module.
        n: Its number.

    """

    name: str = ""
    number: str = jobframe.restricted(default="")
    pin: int = jobframe.restricted(default=0)
    note: str = ""
    do: str = "length"
    n: int = 0

    @property
    def work(self) -> Work:
        text = f"{self.number} {self.pin}" if self.pin else self.number
        return Work(self.do, self.n, self.note if self.do == "show" else text)


@attrs.frozen
class Lamp:
    """A resource from the lifespan; it says in which process it was lit."""

    pid: int


class Unforeseen(BaseException):
    """No Exception."""


@jobframe.hookimpl
@asynccontextmanager
async def jobframe_lifespan(app):
    app.provide(Lamp(os.getpid()))
    yield


if "ACME_EVENTS" in os.environ:  # whoever has an observer pays for it

    @jobframe.hookimpl
    def jobframe_transition(event):
        with Path(os.environ["ACME_EVENTS"]).open("a") as file:
            file.write(json.dumps([event.id, event.outcome, event.reason]) + "\n")


@jobframe.hookimpl
def jobframe_job_types():
    return [
        loop, other, thread, process, process_async, empty, batch, batch_thread, batch_process, versioned,
        secret, secret_thread, secret_process, secret_batch, secret_batch_process,
        *([newcomer] if VERSION > 1 else []),
    ]  # fmt: skip


@jobframe.job("work.loop")
async def loop(ctx: jobframe.Context, work: Work):
    with attempt(ctx):
        return await act(ctx, work)


@jobframe.job("work.other")
async def other(ctx: jobframe.Context, work: Work):
    with attempt(ctx):
        return await act(ctx, work)


@jobframe.job("work.thread")
def thread(ctx: jobframe.Context, work: Work):
    with attempt(ctx):
        return act_blocking(ctx, work)


@jobframe.job("work.process", run_in="process")
def process(ctx: jobframe.Context, work: Work):
    with attempt(ctx):
        return act_blocking(ctx, work)


@jobframe.job("work.process_async", run_in="process")
async def process_async(ctx: jobframe.Context, work: Work):
    with attempt(ctx):
        return await act(ctx, work)


@jobframe.job("work.empty")
async def empty(ctx: jobframe.Context):
    with attempt(ctx):
        return ctx.attempt


@jobframe.job("work.secret")
async def secret(ctx: jobframe.Context, secret: Secret):
    with attempt(ctx):
        return await act(ctx, secret.work)


@jobframe.job("work.secret_thread")
def secret_thread(ctx: jobframe.Context, secret: Secret):
    with attempt(ctx):
        return act_blocking(ctx, secret.work)


@jobframe.job("work.secret_process", run_in="process")
def secret_process(ctx: jobframe.Context, secret: Secret):
    with attempt(ctx):
        return act_blocking(ctx, secret.work)


@jobframe.job("work.secret_batch", batch=4)
async def secret_batch(jobs: list[jobframe.Job[Secret]]):
    return await batch([jobframe.Job(job.payload.work, job.ctx) for job in jobs])


@jobframe.job("work.secret_batch_process", batch=4, run_in="process")
def secret_batch_process(jobs: list[jobframe.Job[Secret]]):
    return batch_process([jobframe.Job(job.payload.work, job.ctx) for job in jobs])


@jobframe.job("work.batch", batch=4)
async def batch(jobs: list[jobframe.Job[Work]]):
    with attempts(jobs):
        return act_together(jobs) or await asyncio.gather(*map(_act_in_batch, jobs))


@jobframe.job("work.batch_thread", batch=4)
def batch_thread(jobs: list[jobframe.Job[Work]]):
    with attempts(jobs):
        return act_together(jobs) or list(map(_act_in_batch_blocking, jobs))


@jobframe.job("work.batch_process", batch=4, run_in="process")
def batch_process(jobs: list[jobframe.Job[Work]]):
    with attempts(jobs):
        return act_together(jobs) or list(map(_act_in_batch_blocking, jobs))


@contextmanager
def attempts(jobs):
    """Write down how many jobs a call has, and each one's start and end."""
    note(f"call of {len(jobs)}", jobs[0].ctx)
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(attempt(job.ctx))
        yield


def act_together(jobs):
    """Do to the whole call what its first job says; nothing when that is no action of this kind."""
    work = jobs[0].payload
    if work.do == "raise_all":
        raise RuntimeError(f"cannot handle {work.text}")
    if work.do == "retry_all":
        raise jobframe.Retry("1h", work.text)
    if work.do == "short":
        return [job.payload.text for job in jobs][1:] or ["one", "two"]
    return {"no_list": True} if work.do == "no_list" else None


async def _act_in_batch(job):
    try:
        return await act(job.ctx, job.payload)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's own end
        return error


def _act_in_batch_blocking(job):
    try:
        return act_blocking(job.ctx, job.payload)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's own end
        return error


@contextmanager
def attempt(ctx):
    """Write down start and end; a killed process writes no end."""
    note("start", ctx)
    try:
        yield
    finally:
        note("end", ctx)


def note(what, ctx):
    """Write one line in one call, so that lines of many processes never mix and survive the death of their writer."""
    line = {
        "what": what,
        "job": ctx.job_id,
        "attempt": ctx.attempt,
        "fence": ctx.fence,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "ns": time.monotonic_ns(),
    }
    ledger = os.open(os.environ["ACME_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(ledger, json.dumps(line).encode() + b"\n")
    finally:
        os.close(ledger)


def opened(gate):
    return Path(f"{os.environ['ACME_LEDGER']}.{gate}").exists()


async def act(ctx, work):
    if work.do in WAITS:
        await WAITS[work.do](ctx, work)
        return work.text
    if work.do in SENDS:
        return await SENDS[work.do](ctx, work)
    return act_now(ctx, work)


def act_blocking(ctx, work):
    return BLOCKS[work.do](ctx, work) if work.do in BLOCKS else act_now(ctx, work)


def act_now(ctx, work):
    """Carry out what needs no waiting."""
    if work.do in ENDS:
        raise ENDS[work.do](work)
    return ANSWERS[work.do](ctx, work)


def _hold_blocking(ctx, work):
    while not opened(work.text):
        note("tick", ctx)
        time.sleep(0.02)
    return work.text


def _sleep_blocking(_ctx, work):
    time.sleep(work.n / 1000)
    return work.text


def _follow_blocking(ctx, work):
    return _unless_failing(work, ctx.enqueue("work.other", {"text": work.text}))


def _fan_blocking(ctx, work):
    handle = ctx.jobs.enqueue("work.other", {"text": work.text}, id="fanned")
    return [handle.id, str(handle.status())]


def _report_blocking(ctx, work):
    for n in range(work.n):
        ctx.progress(n + 1, work.n, work.text)
    _end_of_report(work)
    return _hold_blocking(ctx, Work("hold", text="reported"))


def _spawn(ctx, _work):
    """Start a program that runs on, and wait for it."""
    program = subprocess.Popen(["sleep", "600"])
    note(f"spawned {program.pid}", ctx)
    program.wait()


def _once_blocking(ctx, work):
    for step in work.text.split():
        with ctx.once(step) as first:
            _do_step(ctx, work, step, first=first)
    return _unless_early(ctx, work)


def _deed_blocking(ctx, work):
    time.sleep(work.n / 1000)
    with ctx.once("deed") as first:
        if first:
            note(f"did {work.text}", ctx)


def _once_and_hold_blocking(ctx, work):
    try:
        for step in ("first", "second"):
            with ctx.once(step) as first:
                _do_step(ctx, work, step, first=first)
                if step == "second":
                    _hold_blocking(ctx, work)
    except jobframe.Fenced:
        note("fenced", ctx)
        raise


async def _spin(_ctx, work):
    """Keep the loop busy, but let others run; whatever stops it is swallowed."""
    end = time.monotonic() + work.n / 1000
    while time.monotonic() < end:
        sum(range(100_000))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


async def _sleep(_ctx, work):
    await asyncio.sleep(work.n / 1000)


async def _tell_time(ctx, work):
    """Write down what time it is by the clock of this process."""
    note(f"time {wall_ms()}", ctx)
    await _sleep(ctx, work)


async def _hold(ctx, work):
    while not opened(work.text):
        note("tick", ctx)
        await asyncio.sleep(0.02)


async def _report(ctx, work):
    for n in range(work.n):
        await ctx.progress(n + 1, work.n, work.text)
    _end_of_report(work)
    await _hold(ctx, Work("hold", text="reported"))


def _end_of_report(work):
    if work.do == "report_fail":
        raise RuntimeError("after the report")


async def _once(ctx, work):
    for step in work.text.split():
        async with ctx.once(step) as first:
            _do_step(ctx, work, step, first=first)
    return _unless_early(ctx, work)


async def _deed(ctx, work):
    """Take a while, do what the text names, and then, if it is called so, fail early or have another job follow."""
    await asyncio.sleep(work.n / 1000)
    async with ctx.once("deed") as first:
        if first:
            note(f"did {work.text}", ctx)
    if work.do == "deed_flaky":
        _unless_early(ctx, Work(n=1))
    if work.do == "deed_follow":
        await ctx.enqueue("work.other", {"do": "deed", "text": f"{work.text}+"})


async def _once_and_hold(ctx, work):
    for step in ("first", "second"):
        async with ctx.once(step) as first:
            _do_step(ctx, work, step, first=first)
            if step == "second":
                await _hold(ctx, work)


async def _effect(ctx, work):
    """Take so many milliseconds, and have an effect at the beginning that is marked in the middle."""
    async with ctx.once("effect") as first:
        _do_step(ctx, work, "effect", first=first)
        await asyncio.sleep(work.n / 2000)
    note("marked", ctx)
    await asyncio.sleep(work.n / 2000)


def _do_step(ctx, work, step, *, first):
    """Write down that the step is done; one that is called fragile fails after that in early attempts."""
    if first:
        note(f"did {step}", ctx)
        if step == "fragile" and ctx.attempt <= work.n:
            raise ConnectionError("within the step")


def _unless_early(ctx, work):
    if ctx.attempt <= work.n:
        raise ConnectionError(f"attempt {ctx.attempt}")
    return ctx.attempt


async def _swallow(ctx, work):
    while not opened(work.text):
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            note("swallowed", ctx)


async def _follow(ctx, work):
    return _unless_failing(work, await ctx.enqueue("work.other", {"text": work.text}))


async def _fan(ctx, work):
    handle = await ctx.jobs.enqueue("work.other", {"text": work.text}, id="fanned")
    return [handle.id, str(await handle.status())]


async def _tell_secretly(ctx, work):
    return await ctx.enqueue("work.secret", {"number": work.text})


def _unless_failing(work, followed):
    if work.n:
        raise RuntimeError("after the follow-up")
    return followed


def _flaky(ctx, work):
    return _unless_early(ctx, work)


def _chained(text):
    try:
        {}[text]
    except KeyError as error:
        chained = ValueError(f"no entry for {text!r}")
        chained.__cause__ = error
        return chained


def _arq_retry(work):
    from arq import Retry

    return Retry(defer=work.n / 1000)


def _die(ctx, work):
    """End the process: by a signal, or with exit code *n*."""
    note("dies", ctx)
    if work.text:
        os.kill(os.getpid(), signal.Signals[work.text])
    os._exit(work.n)


def exists(pid):
    """Whether there is such a process, if only one whose end nobody has noticed."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _tell(ctx, work):
    """Say what should not be said, in every way in which a logger takes it."""
    ctx.log.bind(bound=work.text).debug("told %s", work.text, text=work.text, parts=[work.text, work], n=work.n)
    try:
        int(work.text)
    except ValueError:
        ctx.log.exception("told", text=work.text.encode())
    return work.text


def _log(ctx, work):
    ctx.log.info("at work", step=work.n)
    return ctx.job_id


BLOCKS = {
    "secretly": lambda ctx, work: ctx.enqueue("work.secret", {"number": work.text}),
    "hold": _hold_blocking,
    "sleep": _sleep_blocking,
    "follow": _follow_blocking,
    "fan": _fan_blocking,
    "report": _report_blocking,
    "report_fail": _report_blocking,
    "once": _once_blocking,
    "spawn": _spawn,
    "once_and_hold": _once_and_hold_blocking,
    "deed": _deed_blocking,
}
WAITS = {
    "spin": _spin,
    "sleep": _sleep,
    "tell_time": _tell_time,
    "hold": _hold,
    "swallow": _swallow,
    "report": _report,
    "report_fail": _report,
    "once_and_hold": _once_and_hold,
    "effect": _effect,
    "deed": _deed,
    "deed_flaky": _deed,
    "deed_follow": _deed,
}
SENDS = {"follow": _follow, "fan": _fan, "secretly": _tell_secretly, "once": _once}
ENDS = {
    "chained": lambda work: _chained(work.text),
    "raise": lambda work: RuntimeError(f"cannot handle {work.text}"),
    "exit": lambda work: SystemExit(work.n),
    "interrupt": lambda _: KeyboardInterrupt(),
    "unforeseen": lambda _: Unforeseen(),
    "cancelled": lambda _: asyncio.CancelledError(),
    "snooze": lambda work: jobframe.Snooze(f"{work.n}ms"),
    "retry": lambda work: jobframe.Retry(f"{work.n}ms", work.text),
    "arq_retry": _arq_retry,
    "cancel": lambda work: jobframe.Cancel(work.text),
    "fail": lambda work: jobframe.Fail(work.text),
}
ANSWERS = {
    "answer": lambda _, work: work.text,
    "length": lambda _, work: len(work.text),
    "quote": lambda _, work: {"said": [f"it was {work.text}!"], work.text: True},
    "object": lambda _, __: (Lamp(0), object()),
    "large": lambda _, work: "x" * work.n,
    "lamp": lambda ctx, _: [ctx.resource(Lamp).pid, os.getpid()],
    "die": _die,
    "block": lambda _, work: time.sleep(work.n / 1000),
    "facts": lambda ctx, _: [
        ctx.attempt,
        ctx.max_attempts,
        ctx.type,
        dict(ctx.headers),
        ctx.enqueued_at < ctx.deadline,
    ],
    "flaky": _flaky,
    "exists": lambda _, work: exists(work.n),
    "class": lambda *_: jobframe.Cancel,
    "log": _log,
    "show": lambda _, work: work.text,
    "tell": _tell,
}


VERSION = int(os.environ.get("ACME_VERSION", "1"))
"""Which version of this plugin this process has: a deployment in the middle of its roll-out has several."""


@jobframe.job(
    "work.versioned",
    version=VERSION,
    upcast=(lambda version, fields: fields | {"text": f"{fields['text']}, of version {version}"})
    if VERSION > 1
    else None,
)
async def versioned(ctx, payload: Work):
    with attempt(ctx):
        return await act(ctx, payload)


@jobframe.job("work.newcomer")
async def newcomer(ctx: jobframe.Context, work: Work):
    """Run what the first version of this plugin has not heard of."""
    with attempt(ctx):
        return await act(ctx, work)
