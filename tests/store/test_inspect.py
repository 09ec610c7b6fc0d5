"""The verbs that only look, over keys written by hand in every state."""

import base64
import json

import attrs
import pytest

from jobframe.core.errors import JobNotFound
from jobframe.core.job import AttemptError, State
from jobframe.core.jobtype import JobType
from jobframe.core.policy import Policy
from jobframe.store import inspect
from jobframe.store.codec import Record
from jobframe.store.policies import Member, announce, document
from jobframe.store.store import Store

NOW = 1_764_072_000_000 + 90_000  # a minute and a half into an hour
MINUTE, HOUR, DAY = NOW // 60_000, NOW // 3_600_000, NOW // 86_400_000
LEASE = 12_000


@attrs.frozen
class Payload:
    document_id: str


def job_type(name):
    async def handler(ctx, payload: Payload):
        pass

    return JobType(name, 1, handler, {})


def member(types=()):
    return Member(
        host="box",
        pid=7,
        started_at=5,
        types=tuple(types),
        kind=",".join(types),
        max_jobs=10,
        lease_ms=LEASE,
        version="1",
    )


@pytest.fixture
async def store(any_url, namespace):
    opened = Store(any_url, namespace, clock=lambda: str(NOW))
    yield opened
    await opened.aclose()


async def announced(store, *names, worker="w1", **policy):
    documents = [document(job_type(name), Policy(**policy), worker) for name in names]
    await announce(store, worker, member(names), documents, apply=True, edited_ms=NOW)


INDEXES = {"high": "queue:{}:h", "own": "queue:{}:n", "low": "queue:{}:l"}


async def write(store, type, **members):
    """Put ids with their times straight into the indexes of a type."""
    for index, timed in members.items():
        key = store.keys.prefix + INDEXES.get(index, index + ":{}").format(type)
        await store.redis.zadd(key, dict(timed))


async def in_every_state(store):
    """Announce one type and give it jobs in all seven states, over all three queues."""
    await announced(store, "doc.embed", concurrency=4)
    await write(
        store,
        "doc.embed",
        active=[("a1", NOW - 10), ("a2", NOW - 5)],
        high=[("h1", NOW - 1000), ("h2", NOW + 10)],
        own=[("n1", NOW - 7000), ("n2", NOW), ("n3", NOW + 1)],
        low=[("l1", NOW - 9000)],
        failed=[("f1", NOW - 3), ("f2", NOW - 2), ("f3", NOW - 1)],
        parked=[("p1", NOW - 50)],
        cancelled=[("c1", NOW - 60)],
        completed=[("d1", NOW - 70)],
        given=[("g1", NOW - 80)],
    )
    await store.redis.hset(store.keys.limits, "doc.embed", await marked_mixed(store, "doc.embed"))


async def marked_mixed(store, type):
    """Say, as an enqueue with another priority does, that all three queues are in use."""
    packed = await store.redis.hget(store.keys.limits, type)
    return bytes([packed[0] | 2]) + packed[1:]


class Calls:
    """Counts the calls to the server that a store makes."""

    def __init__(self, store, monkeypatch):
        self.made = []
        execute = store.redis.execute_command

        async def counted(*args, **options):
            self.made.append(args[0])
            return await execute(*args, **options)

        monkeypatch.setattr(store.redis, "execute_command", counted)


async def test_a_snapshot_counts_the_jobs_of_each_state(store):
    await in_every_state(store)
    counters = {
        "completed": 90,
        "failed": 12,
        "cancelled": 3,
        "retried": 7,
        "crashed": 2,
        "interrupted": 5,
        "expired": 2,
    }
    await store.redis.hset(
        store.keys.counters("doc.embed"), mapping={**counters, f"failed:{DAY}": 4, f"failed:{DAY - 1}": 8}
    )

    (stats,) = (await inspect.snapshot(store)).types

    assert stats.counts == {
        "active": 2, "waiting": 4, "failed": 3, "delayed": 2, "parked": 1,
        "completed": 90, "cancelled": 3, "retried": 7, "crashed": 2, "interrupted": 5, "expired": 2,
    }  # fmt: skip
    assert (
        stats.failures, stats.failed_today, stats.oldest_waiting_ms, stats.limit, stats.paused,
    ) == (12, 4, 9000, 4, False)  # fmt: skip
    assert stats.success_rate == 90 / (90 + 12 - 2)


async def test_a_namespace_where_nothing_ever_happened_is_empty(store):
    found = await inspect.snapshot(store)

    assert (found.now_ms, found.types, found.workers) == (NOW, (), ())
    assert dict.fromkeys(inspect.COUNTS, 0) == await inspect.counts(store)


async def test_counts_of_one_type_leave_the_others_out(store):
    await announced(store, "one", "two")
    await write(store, "one", own=[("x", NOW)])
    await write(store, "two", own=[("x", NOW), ("y", NOW + 1)], failed=[("z", NOW)])

    assert dict.fromkeys(inspect.COUNTS, 0) | {"waiting": 1, "delayed": 1, "failed": 1} == await inspect.counts(
        store, "two"
    )
    assert (await inspect.counts(store))["waiting"] == 2
    assert dict.fromkeys(inspect.COUNTS, 0) == await inspect.counts(store, "none.such")


async def test_jobs_of_a_type_that_nobody_announced_are_counted(store):
    await store.run("enqueue", "client", 1, "new.type", 0, 2, "j1", "", b"\n{}", "j2", "+5000", b"\n{}")
    await write(store, "arq.unreadable", parked=[("u", NOW)])

    found = {stats.type: stats for stats in (await inspect.snapshot(store)).types}

    assert (found["new.type"].counts["waiting"], found["new.type"].counts["delayed"]) == (1, 1)
    assert (found["new.type"].announced, found["new.type"].limit) == (False, None)
    assert found["arq.unreadable"].counts["parked"] == 1


async def test_a_paused_type_says_so_and_by_whom(store):
    await announced(store, "one", "two")
    await store.run("pause", "one", 1, json.dumps({"by": "ann", "at": NOW}))

    assert [(t.type, t.paused) for t in (await inspect.snapshot(store)).types] == [("one", True), ("two", False)]
    assert [(t.type, t.paused) for t in await inspect.types(store)] == [
        ("one", {"by": "ann", "at": NOW}),
        ("two", None),
    ]


async def test_types_tell_the_policy_in_force(store):
    await announced(store, "doc.embed", concurrency=3, timeout_ms=1234)

    (found,) = await inspect.types(store)

    assert (
        found.type, found.in_force.policy.concurrency, found.in_force.policy.timeout_ms, found.in_force.fields,
        found.in_force.by, found.in_force.version,
    ) == ("doc.embed", 3, 1234, ("document_id",), "w1", 1)  # fmt: skip


async def observe(store, kind, number, fields):
    """Write one histogram as settle or the sweep does."""
    await store.redis.hset(getattr(store.keys, kind)("doc.embed", number), mapping=fields)
    await store.redis.zadd(f"{store.keys.prefix}{kind}s", {f"doc.embed\t{number}": number})


async def test_recent_percentiles_come_from_two_hours_and_the_minutes_not_rolled_up(store):
    await announced(store, "doc.embed")
    await observe(store, "hour", HOUR - 2, {"w50": 1000})
    await observe(store, "hour", HOUR - 1, {"w8": 1, "r20": 2})
    await observe(store, "hour", HOUR, {"w8": 10})
    await observe(store, "minute", MINUTE, {"w8": 100, "w9": 7})
    await observe(store, "minute", MINUTE - 1, {"r20": 3})
    await store.redis.hset(store.keys.total("doc.embed"), mapping={"w8": 5000})

    (recent,) = (await inspect.snapshot(store)).types
    (total,) = (await inspect.snapshot(store, "total")).types
    (neither,) = (await inspect.snapshot(store, "")).types

    assert (recent.waits, recent.runs) == ({8: 111, 9: 7}, {20: 5})
    assert (total.waits, total.runs) == ({8: 5100, 9: 7}, {20: 3})
    assert (neither.waits, neither.runs) == ({}, {})


async def test_what_settling_observed_is_found_before_and_after_the_sweep_rolls_it_up(any_url, namespace):
    clock = [NOW]
    store = Store(any_url, namespace, clock=lambda: str(clock[0]))
    await announced(store, "doc.embed")
    await store.run("settle", "w1", 1, "observed", "doc.embed", 2, "w12", 3, "r40", 2)
    before = [(await inspect.snapshot(store, period)).types[0] for period in ("recent", "total")]
    clock[0] += 3 * 60_000
    await store.run("sweep", LEASE, 4000, 1)

    after = [(await inspect.snapshot(store, period)).types[0] for period in ("recent", "total")]

    assert [(stats.waits, stats.runs) for stats in before + after] == [({12: 3}, {40: 2})] * 4
    assert await store.redis.zcard(store.keys.minutes) == 0
    await store.aclose()


@pytest.mark.parametrize(
    ("lease_left_ms", "alive", "age_ms"),
    [
        (LEASE, True, 0),
        (LEASE - 4000, True, 4000),
        (1, True, 11_999),
        (0, False, 12_000),
        (-9000, False, 21_000),
        (2 * LEASE + 1, False, 0),
    ],
)
async def test_a_worker_is_alive_while_its_lease_holds(store, lease_left_ms, alive, age_ms):
    """A lease that ends later than this server could have granted is one of another clock, and counts as ended."""
    await announced(store, "doc.embed")
    await store.redis.zadd(store.keys.workers, {"w1": NOW + lease_left_ms})
    await store.redis.hset(store.keys.held("w1"), mapping={"doc.embed\ta": "1", "doc.embed\tb": "1"})

    (found,) = await inspect.workers(store)

    assert ("w1", alive, age_ms, 2, ("doc.embed",)) == (
        found.worker, found.alive, found.heartbeat_age_ms, found.held, found.member.types,
    )  # fmt: skip


async def test_a_worker_whose_document_is_damaged_is_still_listed(store):
    await store.redis.zadd(store.keys.workers, {"w1": NOW + 1000})
    await store.redis.hset(store.keys.worker_info, "w1", "{no json")

    assert [(found.worker, found.alive) for found in await inspect.workers(store)] == [("w1", True)]


async def test_the_server_tells_of_its_persistence_and_memory(own_server, namespace):
    store = Store(own_server.url, namespace)
    assert attrs.astuple((await inspect.snapshot(store)).server)[:3] == (True, False, False)

    await store.redis.config_set("appendonly", "no")
    await store.redis.config_set("maxmemory-policy", "allkeys-lru")
    await store.redis.config_set("maxmemory", "1mb")

    assert attrs.astuple((await inspect.snapshot(store)).server)[:3] == (False, True, True)
    await store.aclose()


async def test_a_snapshot_of_two_hundred_types_is_one_call(store, monkeypatch):
    await announced(store, *(f"type.t{number}" for number in range(200)))
    await inspect.snapshot(store)
    calls = Calls(store, monkeypatch)

    found = await inspect.snapshot(store)

    assert (len(found.types), calls.made) == (200, ["EVALSHA"])


async def test_looking_changes_nothing(store):
    await in_every_state(store)
    await observe(store, "minute", MINUTE, {"w8": 1})

    async def dump():
        return {key: await store.redis.dump(key) for key in sorted(await store.redis.keys("*"))}

    before = await dump()
    await inspect.snapshot(store)
    await inspect.snapshot(store, "total")
    await inspect.jobs(store)
    await inspect.info(store, "doc.embed:a1")
    await inspect.types(store)

    assert before == await dump()


async def test_a_page_shows_every_state_in_its_order(store):
    await in_every_state(store)

    page = await inspect.jobs(store, "doc.embed")

    assert [(job.id.removeprefix("doc.embed:"), str(job.state)) for job in page.jobs] == [
        ("a1", "active"), ("a2", "active"),
        ("h1", "waiting"), ("n1", "waiting"), ("n2", "waiting"), ("l1", "waiting"),
        ("h2", "delayed"), ("n3", "delayed"),
        ("f3", "failed"), ("f2", "failed"), ("f1", "failed"),
        ("p1", "parked"), ("c1", "cancelled"), ("d1", "completed"), ("g1", "completed"),
    ]  # fmt: skip
    assert page.cursor is None


@pytest.mark.parametrize("limit", [1, 2, 4, 15])
async def test_pages_put_together_are_all_the_jobs(store, limit):
    await in_every_state(store)
    await announced(store, "other")
    await write(store, "other", own=[("n", NOW - 1)], failed=[("f", NOW)])
    whole = await inspect.jobs(store, limit=100)

    found, cursor = [], None
    while True:
        page = await inspect.jobs(store, cursor=cursor, limit=limit)
        found += page.jobs
        cursor = page.cursor
        assert len(page.jobs) <= limit
        if cursor is None:
            break

    assert len(found) == 17
    assert list(whole.jobs) == found


async def test_a_page_goes_on_where_its_last_job_stood_though_that_one_moved(store):
    await announced(store, "doc.embed")
    await write(store, "doc.embed", own=[(f"n{number}", NOW - 100 + number) for number in range(6)])
    first = await inspect.jobs(store, "doc.embed", State.WAITING, limit=2)
    await store.redis.zrem(store.keys.queue("doc.embed"), "n1")
    await write(store, "doc.embed", own=[("n9", NOW - 200)])

    second = await inspect.jobs(store, "doc.embed", State.WAITING, first.cursor, limit=3)

    assert [job.id for job in second.jobs] == ["doc.embed:n2", "doc.embed:n3", "doc.embed:n4"]


async def test_newest_first_goes_on_below_a_job_that_moved(store):
    await announced(store, "doc.embed")
    await write(store, "doc.embed", failed=[(f"f{number}", NOW + number) for number in range(5)])
    first = await inspect.jobs(store, "doc.embed", State.FAILED, limit=2)
    await store.redis.zrem(store.keys.ended("failed", "doc.embed"), "f3")

    second = await inspect.jobs(store, "doc.embed", State.FAILED, first.cursor, limit=2)

    assert [job.id for job in second.jobs] == ["doc.embed:f2", "doc.embed:f1"]


@pytest.mark.parametrize("state", list(State))
async def test_a_state_lists_only_its_own_jobs(store, state):
    await in_every_state(store)

    page = await inspect.jobs(store, state=state)

    assert {state} == {job.state for job in page.jobs}


async def test_a_page_ends_after_a_mebibyte_of_payloads(store):
    await announced(store, "doc.embed")
    await write(store, "doc.embed", own=[(f"n{number}", NOW + number) for number in range(10)])
    await store.redis.hset(
        store.keys.payload("doc.embed"), mapping={f"n{number}": f"{NOW}\n".ljust(250_000, "x") for number in range(10)}
    )

    page = await inspect.jobs(store, "doc.embed")

    assert len(page.jobs) == 5
    assert [f"doc.embed:n{number}" for number in range(5, 10)] == [
        job.id for job in (await inspect.jobs(store, cursor=page.cursor)).jobs
    ]


@pytest.mark.parametrize(
    "cursor", ["x", "????", base64.b64encode(b"a\tb").decode(), base64.b64encode(b"t\t1\tnan\tx").decode(), "ä"]
)
async def test_a_foreign_cursor_is_refused(store, cursor):
    with pytest.raises(ValueError, match="none of ours"):
        await inspect.jobs(store, cursor=cursor)


async def test_a_limit_below_one_is_refused(store):
    with pytest.raises(ValueError, match="at least one"):
        await inspect.jobs(store, limit=0)


async def test_info_tells_everything_about_an_active_job(store):
    await in_every_state(store)
    error = AttemptError(attempt=1, at_ms=5, worker="w0", run_ms=9, error="builtins.OSError", message="no")
    await store.redis.hset(store.keys.payload("doc.embed"), "a2", f"{NOW - 99};g\n{{}}")
    await store.redis.hset(store.keys.record("doc.embed"), "a2", Record(1, 2, 3, 4, (error,)).encode())
    await store.redis.hset(store.keys.held("w1"), "doc.embed\ta2", "17")

    found = await inspect.info(store, "doc.embed:a2")

    assert (State.ACTIVE, NOW - 99, None, NOW - 5, None, "w1", 1, 2, 3, 4, "", (error,)) == (
        found.state, found.enqueued_ms, found.due_ms, found.started_ms, found.finished_ms, found.worker,
        found.attempts, found.crashes, found.interrupts, found.snoozes, found.reason, found.errors,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unique", "state", "due", "finished"),
    [
        ("n1", State.WAITING, NOW - 7000, None),
        ("l1", State.WAITING, NOW - 9000, None),
        ("h2", State.DELAYED, NOW + 10, None),
        ("f2", State.FAILED, None, NOW - 2),
        ("p1", State.PARKED, None, NOW - 50),
        ("c1", State.CANCELLED, None, NOW - 60),
        ("d1", State.COMPLETED, None, NOW - 70),
        ("g1", State.COMPLETED, None, NOW - 80),
    ],
)
async def test_info_tells_the_times_that_belong_to_a_state(store, unique, state, due, finished):
    await in_every_state(store)
    await store.redis.hset(store.keys.reason("doc.embed"), unique, "because")

    found = await inspect.info(store, f"doc.embed:{unique}")

    assert (state, due, finished, None, "because") == (
        found.state, found.due_ms, found.finished_ms, found.started_ms, found.reason,
    )  # fmt: skip


async def test_a_damaged_record_hides_no_job(store):
    await in_every_state(store)
    await store.redis.hset(store.keys.record("doc.embed"), "f1", b"\xff\xfe")
    await store.redis.hset(store.keys.reason("doc.embed"), "f1", b"bad \xff byte")

    found = await inspect.info(store, "doc.embed:f1")

    assert (found.attempts, found.reason) == (0, "bad \\xff byte")


@pytest.mark.parametrize("job_id", ["doc.embed:none", "none.such:a1"])
async def test_a_job_that_is_not_there_is_not_found(store, job_id):
    await in_every_state(store)

    with pytest.raises(JobNotFound, match=job_id):
        await inspect.info(store, job_id)
