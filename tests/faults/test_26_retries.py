"""Row 26: a job that always fails starts five times, as far apart as declared, and its dead letter keeps all of it."""

from __future__ import annotations

import itertools
from collections import defaultdict

import msgspec
import pytest

from jobframe.core.job import State
from jobframe.core.who import who
from jobframe.store.codec import decode_payload
from tests.faults.form import FULL, load
from tests.faults.under_load import PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.workers import until

JOBS = load(1_000)
RETRIES = 4
STARTS = RETRIES + 1
BASE_MS, CAP_MS = (2_000, 8_000) if FULL else (200, 800)
LONGEST_MS = [min(CAP_MS, BASE_MS * 2**n) for n in range(RETRIES)]
CLOCKS_DIFFER_MS = 2
"""The server counts whole milliseconds, and its clock is not the ledger's."""
LATE_MS = 2_000
TABLES = f"""
[defaults]
max_retries = {RETRIES}
backoff = {{ strategy = "exponential", base = "{BASE_MS}ms", cap = "{CAP_MS}ms", jitter = "equal" }}
"""
ALWAYS, FOUR_TIMES = "work.loop", "work.other"

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_a_job_starts_five_times_within_its_backoff_and_its_dead_letter_keeps_that_over_a_retry(fleet):
    fleet.configure(TABLES, **RUNTIME)
    await fleet.start(2)
    failing = await _enqueue(fleet, ALWAYS, do="raise")
    mending = await _enqueue(fleet, FOUR_TIMES, do="flaky", n=RETRIES)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)

    assert dict.fromkeys([*failing, *mending], STARTS) == fleet.ledger.starts()
    _judge_waits(fleet, [*failing, *mending], rounds=1)
    mended = await _infos(fleet, FOUR_TIMES, State.COMPLETED)
    assert mended.keys() == set(mending)
    assert {RETRIES} == {info.attempts for info in mended.values()}
    assert {(1, 2, 3, 4)} == {_history(info) for info in mended.values()}
    assert [STARTS] * JOBS == [await (await fleet.jobs.job(job)).result(timeout=10) for job in mending]

    dead = await _dead_letters(fleet, failing)
    assert {(1, 2, 3, 4, 5)} == {_history(info) for info in dead.values()}
    assert {(None, "")} == {(info.retried_ms, info.retried_by) for info in dead.values()}
    assert JOBS == (await fleet.jobs.retry_all(ALWAYS)).retried
    await until(lambda: nothing_left(fleet), "every job has ended again", PATIENCE_S)

    assert dict.fromkeys(failing, 2 * STARTS) == fleet.ledger.starts(ALWAYS)
    _judge_waits(fleet, failing, rounds=2)
    again = await _dead_letters(fleet, failing)
    assert {(1, 2, 3, 4, 5) * 2} == {_history(info) for info in again.values()}
    assert {job: info.errors for job, info in dead.items()} == {job: again[job].errors[:STARTS] for job in dead}
    assert {who()} == {info.retried_by for info in again.values()}


async def _enqueue(fleet, type_name, **work):
    """Enqueue jobs that differ in their text alone; id → the text."""
    texts = [f"{type_name} {n}" for n in range(JOBS)]
    handles = await fleet.jobs.enqueue_many([(type_name, work | {"text": text}) for text in texts])
    return {handle.id: text for handle, text in zip(handles, texts, strict=True)}


async def _infos(fleet, type_name, state):
    found, cursor = {}, None
    while True:
        page = await fleet.jobs.jobs(type_name, state, cursor, limit=500)
        found |= {info.id: info for info in page.jobs}
        cursor = page.cursor
        if cursor is None:
            return found


async def _dead_letters(fleet, failing):
    """Return what is known of all that failed, each with its reason, its five attempts and its payload."""
    dead = await _infos(fleet, ALWAYS, State.FAILED)
    assert dead.keys() == failing.keys()
    assert {f"exhausted: {STARTS} of {STARTS} attempts failed, the last with RuntimeError"} == {
        info.reason for info in dead.values()
    }
    assert {(STARTS, 0, 0)} == {(info.attempts, info.crashes, info.interrupts) for info in dead.values()}
    assert {"RuntimeError"} == {error.error for info in dead.values() for error in info.errors}
    store = fleet.jobs.store
    kept = await store.read_hash(store.keys.payload(ALWAYS))
    texts = {f"{ALWAYS}:{unique}": _text(payload) for unique, payload in kept.items()}
    assert failing == texts
    return dead


def _text(payload):
    return msgspec.json.decode(decode_payload(payload)[1].body)["text"]


def _history(info):
    """Return the numbers of the attempts that are kept, in the order in which they ended."""
    assert list(info.errors) == sorted(info.errors, key=lambda error: error.at_ms)
    return tuple(error.attempt for error in info.errors)


def _judge_waits(fleet, jobs, rounds):
    """Judge by the ledger how long each wait took, from the end of an attempt to the start of the next."""
    runs = defaultdict(list)
    for run in fleet.ledger.runs():
        runs[run.job].append(run)
    late, sums = [], []
    for job in jobs:
        waits = [(after.start - before.end) / 1e6 for before, after in itertools.pairwise(runs[job])]
        for first in range(0, rounds * STARTS, STARTS):  # between two rounds it waits for its operator
            of_round = waits[first : first + RETRIES]
            sums.append(sum(of_round))
            for wait, longest in zip(of_round, LONGEST_MS, strict=True):
                assert wait >= longest / 2 - CLOCKS_DIFFER_MS, f"{job} waited {wait:.0f} ms of {longest / 2:.0f}"
                late.append(wait - longest)
    tell(f"{len(late)} waits, none too short; at most {max(late):+.0f} ms after the longest that may be")
    assert min(sums) <= sum(LONGEST_MS), "some are in time on a busy machine too"
    if FULL:
        assert max(late) <= LATE_MS
