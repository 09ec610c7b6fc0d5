"""Why a job does not run: what the store knows of it, turned into reasons, the one that blocks it now first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import attrs

from jobframe.core.duration import span
from jobframe.core.job import AttemptError, State
from jobframe.store.explain import Running, Standing
from jobframe.store.stats import WorkerStats

__all__ = ["Explanation", "Reason", "explain"]

_MOST_NAMED = 5
_PLACES = {"loop": "room", "thread": "a thread free", "process": "a child process free"}


@attrs.frozen
class Reason:
    """
    One reason.

    Attributes:
        code: What kind of reason: a word that does not change.
        text: A sentence for people.
        until_ms: When it ends by itself, server clock; None when that cannot be told.
        held_by: The jobs whose end it waits for, the longest running first, at most five.

    """

    code: str
    text: str
    until_ms: int | None = None
    held_by: tuple[Running, ...] = ()


@attrs.frozen
class Explanation:
    """
    Why a job is where it is.

    Attributes:
        id: Job id.
        state: The state it is in.
        reasons: At least one; the first is what holds now, the others hold too and are met after it.

    """

    id: str
    state: State
    reasons: tuple[Reason, ...]


def explain(standing: Standing) -> Explanation:
    """Tell why the job does not run, or what it does instead."""
    match standing.job.state:
        case State.ACTIVE:
            reasons = _active(standing)
        case State.DELAYED:
            reasons = (*(_same_key(standing) or (_not_due(standing),)), *_paused(standing), *_no_worker(standing))
        case State.WAITING:
            reasons = tuple(_waiting(standing)) or (_next(standing),)
        case State.PARKED:
            reasons = (_ended(standing), *_no_worker(standing))
        case _:
            reasons = (_ended(standing),)
    return Explanation(standing.job.id, standing.job.state, reasons)


def _active(standing: Standing) -> tuple[Reason, ...]:
    job = standing.job
    since = span(standing.now_ms - (job.started_ms or standing.now_ms))
    if job.worker is None:
        return (Reason("running", f"claimed {since} ago by a worker that is gone: the next sweep takes it back"),)
    progress = "" if job.progress is None else f", at {job.progress}"
    running = Reason(
        "running", f"running on {_who(standing, job.worker)} for {since}, attempt {job.attempts + 1}{progress}"
    )
    if standing.told_to_stop is None:
        return (running,)
    why = f": {standing.told_to_stop}" if standing.told_to_stop else ""
    return running, Reason("cancelling", f"its worker was asked to cancel it{why}")


def _not_due(standing: Standing) -> Reason:
    job, due_ms = standing.job, standing.job.due_ms or standing.now_ms
    due = f"due in {span(due_ms - standing.now_ms)}"
    if job.attempts:
        last = f" with {_error(job.errors[-1])}" if job.errors else ""
        return Reason("retry", f"attempt {job.attempts} failed{last}; the next is {due}", due_ms)
    if job.snoozes:
        return Reason("snoozed", f"asked {_count(job.snoozes, 'time')} to be run later; {due}", due_ms)
    return Reason("not-due", due, due_ms)


def _same_key(standing: Standing) -> tuple[Reason, ...]:
    """Tell of the job whose end it waits for, as the type's `unique` has it."""
    if (other := standing.behind) is None:
        return ()
    what = _holder(standing, other) if other.since_ms else f"{other.id}, which does not run now"
    return (Reason("same-key", f"waits for the end of the job with the same key: {what}", held_by=(other,)),)


def _ended(standing: Standing) -> Reason:
    job = standing.job
    since = span(standing.now_ms - (job.finished_ms or standing.now_ms))
    return Reason(str(job.state), f"{job.state} {since} ago" + (f": {job.reason}" if job.reason else ""))


def _waiting(standing: Standing) -> Iterator[Reason]:
    """Tell what holds back a job that is due, in the order in which it is met."""
    yield from _expired(standing)
    yield from _same_key(standing)
    yield from _paused(standing)
    yield from _no_worker(standing)
    yield from _concurrency(standing)
    yield from _resources(standing)
    yield from _group(standing)
    yield from _rate_limit(standing)
    yield from _full(standing)
    if standing.before:
        whose = "type" if standing.group is None else "group"
        yield Reason("behind", f"{_count(standing.before, 'job')} of its {whose} {_are(standing.before)} due before it")


def _expired(standing: Standing) -> Iterator[Reason]:
    if standing.expires_ms is not None and standing.expires_ms <= standing.now_ms:
        late = span(standing.now_ms - standing.expires_ms)
        yield Reason("expired", f"expired {late} ago: it never starts, and fails when a worker takes it")


def _paused(standing: Standing) -> Iterator[Reason]:
    if standing.paused is not None:
        by, at_ms = standing.paused["by"], standing.paused["at"]
        yield Reason("paused", f"{standing.job.type} was paused by {by} {span(standing.now_ms - at_ms)} ago")


def _no_worker(standing: Standing) -> Iterator[Reason]:
    if any(_runners(standing)):
        return
    name = standing.job.type
    if standing.in_force is None:
        yield Reason("no-worker", f"no worker ever announced {name}: start one that has its plugin")
    elif silent := [each for each in standing.workers if name in each.member.types]:
        ages = ", ".join(f"{each.worker} for {span(each.heartbeat_age_ms)}" for each in silent[:_MOST_NAMED])
        yield Reason("no-worker", f"every worker that runs {name} is silent: {ages}")
    else:
        yield Reason("no-worker", f"no worker runs {name} now")


def _concurrency(standing: Standing) -> Iterator[Reason]:
    limit = standing.in_force and standing.in_force.policy.concurrency
    if not limit or standing.slots < limit:
        return
    slots = f"waiting for `concurrency` {standing.slots}/{limit}"
    parts = [_holder(standing, each) for each in standing.running[:_MOST_NAMED]]
    if (more := standing.slots - standing.ending - len(parts)) > 0:
        parts.append(f"{more} more")
    if standing.ending:
        ends = span(max(0, (standing.slot_ms or standing.now_ms) - standing.now_ms))
        parts.append(f"{_count(standing.ending, 'process')} that {_are(standing.ending)} ending, for {ends} at most")
    until_ms = standing.slot_ms if standing.slots == limit else None
    yield Reason("concurrency", f"{slots}: held by {', '.join(parts)}", until_ms, standing.running[:_MOST_NAMED])


def _resources(standing: Standing) -> Iterator[Reason]:
    for each in standing.resources:
        if each.in_use + each.amount <= each.capacity:
            continue
        held_by = ", ".join(_holder(standing, job) for job in each.holders) or "processes that are ending"
        lack = f"waiting for {each.amount} of resource `{each.name}`, {each.in_use}/{each.capacity} in use"
        yield Reason("resource", f"{lack}: held by {held_by}", held_by=each.holders)


def _group(standing: Standing) -> Iterator[Reason]:
    limit = standing.in_force.policy.group if standing.in_force else None
    if standing.group is None or limit is None or standing.group.taken < limit.concurrency:
        return  # or the limit was raised meanwhile: the next claim gives it a turn
    parts = [_holder(standing, each) for each in standing.group.holders]
    if (more := standing.group.taken - len(parts)) > 0:
        parts.append(f"{more} more")
    full = f"{standing.group.taken}/{limit.concurrency} by `{limit.by}`"
    yield Reason("group", f"its `group` is full, {full}: held by {', '.join(parts)}", held_by=standing.group.holders)


def _rate_limit(standing: Standing) -> Iterator[Reason]:
    rate = standing.in_force and standing.in_force.policy.rate_limit
    if not rate:
        return
    now_us = standing.now_ms * 1000
    arrival_us = min(standing.arrival_us, now_us + rate.interval_us * rate.burst)  # as claims cut one of another clock
    opens_us = arrival_us - (rate.burst - 1) * rate.interval_us
    if opens_us > now_us:
        opens_ms = math.ceil(opens_us / 1000)
        yield Reason("rate-limit", f"`rate_limit` {rate} frees in {span(opens_ms - standing.now_ms)}", opens_ms)


def _full(standing: Standing) -> Iterator[Reason]:
    """Tell of workers that are alive and run the type, when none of them has room for it."""
    per_worker = standing.in_force.policy.per_worker if standing.in_force else None
    of_type = Counter(each.worker for each in standing.running)
    busy, at_limit = [], []
    for each in _runners(standing):
        if each.held >= each.member.max_jobs:
            busy.append(f"{each.worker} runs {each.held} of {each.member.max_jobs}")
        elif per_worker is not None and of_type[each.worker] >= per_worker:
            at_limit.append(f"{each.worker} runs {of_type[each.worker]} of {per_worker}")
        else:
            return
    if at_limit:
        yield Reason("per-worker", "waiting for `per_worker`: " + _some(at_limit))
    if busy:
        yield Reason("full", "every worker that could take it is full: " + _some(busy))


def _next(standing: Standing) -> Reason:
    run_in = standing.in_force.policy.run_in if standing.in_force else "loop"
    return Reason("next", f"nothing holds it back: it starts as soon as a worker has {_PLACES[run_in]}")


def _runners(standing: Standing) -> Iterator[WorkerStats]:
    return (each for each in standing.workers if each.alive and standing.job.type in each.member.types)


def _holder(standing: Standing, each: Running) -> str:
    who = "a worker that is gone" if each.worker is None else _who(standing, each.worker)
    return f"{each.id} on {who} for {span(standing.now_ms - each.since_ms)}"


def _who(standing: Standing, worker: str) -> str:
    """Name a worker, and say so when its lease is over."""
    found = next((each for each in standing.workers if each.worker == worker), None)
    return f"{worker} (silent for {span(found.heartbeat_age_ms)})" if found and not found.alive else worker


def _error(error: AttemptError) -> str:
    first = error.message.partition("\n")[0][:80]
    return f"{error.error}: {first}" if first else error.error


def _some(parts: list[str]) -> str:
    return ", ".join(parts[:_MOST_NAMED]) + (
        f", and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    )


def _count(number: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number} {noun if number == 1 else plural}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
