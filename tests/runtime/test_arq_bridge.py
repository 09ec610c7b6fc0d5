"""The bridge against a real server and arq's real client; a stand-in worker claims and settles."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import pickle

import attrs
import pytest
from arq.connections import ArqRedis
from arq.jobs import Job, JobStatus

import jobframe
from jobframe.client.jobs import Jobs
from jobframe.core import clock
from jobframe.core.group import Group
from jobframe.core.job import State
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Cancelled, Completed, Failed, Retried
from jobframe.core.policy import Policy
from jobframe.core.unique import Unique
from jobframe.runtime.arq_bridge import Bridge, _until_turn_s
from jobframe.runtime.arq_codec import arq_dumps, arq_loads
from jobframe.runtime.arq_intake import HEADER
from jobframe.store import inspect, policies
from jobframe.store.bridge import MOST_JOBS
from jobframe.store.claim import claim
from jobframe.store.codec import decode_payload
from jobframe.store.settle import Settled, settle
from jobframe.store.store import Store

QUEUE = "arq:queue"
PATIENCE_S = 20


@attrs.frozen
class Document:
    document_id: str
    note: str = ""
    size: int = 0


@attrs.frozen
class Secret:
    document_id: str
    token: str = jobframe.restricted(default="")


async def reembed(ctx, payload: Document): ...


async def seal(ctx, payload: Secret): ...


REEMBED = JobType("reembed.document", 3, reembed, {})
SEAL = JobType("secret.seal", 1, seal, {})


class Worker:
    """Claims and settles for the test, as the runtime would, with a bridge beside it."""

    def __init__(self, store, name="w1"):
        self.store, self.name = store, name
        self.bridge = Bridge(store, QUEUE)
        self.numbers = itertools.count(1)
        self.lanes = []

    async def announce(self, *job_types, **policy):
        member = policies.Member(
            host="h", pid=1, started_at=0, types=tuple(t.name for t in job_types), kind=self.name, max_jobs=9,
            lease_ms=600_000, version="0",
        )  # fmt: skip
        documents = [policies.document(each, Policy(keep_result_ms=60_000, **policy), self.name) for each in job_types]
        answer = await policies.announce(self.store, self.name, member, documents, apply=True, edited_ms=0)
        self.lanes = sorted({lane for lane, _ in answer.values()})
        return self

    async def claim(self):
        room = [(lane, 100) for lane in self.lanes]
        return (await claim(self.store, self.name, next(self.numbers), 100, 8, room)).jobs

    async def start(self, claimed):
        headers = decode_payload(claimed.payload)[1].headers
        self.bridge.relay.started(claimed.type, claimed.unique, headers or {}, 60_000)
        await self.bridge.relay.flush()

    async def settle(self, claimed, outcome, record=b""):
        settled = Settled(claimed.type, claimed.unique, claimed.fence, claimed.due_ms, outcome, record)
        ((_, recorded),) = await settle(self.store, self.name, next(self.numbers), [settled])
        assert recorded
        return settled

    async def end(self, claimed, outcome, record=b""):
        await self.start(claimed)
        self.bridge.relay.ended([await self.settle(claimed, outcome, record)])
        await self.bridge.relay.flush()


def a_little_ahead():
    """Say a server's time at which what arq's client enqueued just now, with its rounded clock, is surely due."""
    return str(clock.wall_ms() + 5)


@pytest.fixture
async def store(any_url, namespace):
    store = Store(any_url, namespace, clock=a_little_ahead)
    yield store
    await store.aclose()


@pytest.fixture
async def arq(any_url):
    client = ArqRedis(
        unix_socket_path=any_url.removeprefix("unix://"), job_serializer=arq_dumps, job_deserializer=arq_loads
    )
    yield client
    await client.aclose()


@pytest.fixture
async def worker(store):
    worker = await Worker(store).announce(REEMBED, SEAL)
    yield worker
    await worker.bridge.aclose()


def body_of(claimed):
    return json.loads(bytes(decode_payload(claimed.payload)[1].body))


async def abort_arrived(arq, job):
    async with asyncio.timeout(PATIENCE_S):
        while await arq.zscore("arq:abort", job.job_id) is None:
            pass


async def claim_all(worker):
    taken = []
    while claimed := await worker.claim():
        taken += claimed
    return taken


async def arq_keys(arq):
    return sorted(key.decode() for key in await arq.keys("arq:*"))


async def test_a_job_reaches_our_queue_with_its_id_its_fields_and_its_mark(arq, worker):
    job = await arq.enqueue_job("reembed.document", "42", size=7, note="é", _job_id="mine")

    await worker.bridge.look()
    (claimed,) = await worker.claim()
    _, envelope = decode_payload(claimed.payload)

    assert job.job_id == claimed.unique == "mine"
    assert "reembed.document" == claimed.type
    assert {"document_id": "42", "size": 7, "note": "é"} == body_of(claimed)
    assert {HEADER: QUEUE} == envelope.headers
    assert envelope.version == REEMBED.version


async def test_a_queue_that_is_nearly_full_takes_what_fits_and_the_rest_waits_with_arq(arq, worker):
    await worker.announce(REEMBED, max_waiting=3)
    for n in range(5):
        await arq.enqueue_job("reembed.document", str(n), _job_id=f"j{n}")
    await arq.enqueue_job("other.type", _job_id="beside")

    await worker.bridge.take_over()
    first = await worker.claim()
    await worker.bridge.take_over()
    second = await claim_all(worker)

    assert 3 == len(first)
    assert {f"j{n}" for n in range(5)} == {each.unique for each in (*first, *second)}


async def test_jobs_from_arq_count_in_their_group_too(arq, worker):
    await worker.announce(REEMBED, group=Group("document_id", 1))
    for document, unique in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        await arq.enqueue_job("reembed.document", document, _job_id=unique)

    await worker.bridge.take_over()
    first = await worker.claim()

    assert {"a", "b"} == {body_of(each)["document_id"] for each in first}
    assert 2 == len(first)
    for each in first:
        await worker.end(each, Completed(b"1"))
    assert 1 == len(await worker.claim())


async def test_a_producer_with_plain_json_is_understood(any_url, worker):
    plain = ArqRedis(
        unix_socket_path=any_url.removeprefix("unix://"),
        job_serializer=lambda value: json.dumps(value).encode(),
        job_deserializer=json.loads,
    )
    job = await plain.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    (claimed,) = await worker.claim()
    await worker.end(claimed, Completed(b'{"chunks":3}'))

    assert {"chunks": 3} == await job.result(timeout=PATIENCE_S)
    await plain.aclose()


async def test_status_follows_the_job_and_the_result_arrives(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="secret-42")
    seen = [await job.status()]
    await worker.bridge.look()
    seen.append(await job.status())
    (claimed,) = await worker.claim()
    await worker.start(claimed)
    seen.append(await job.status())
    await worker.end(claimed, Completed(b'{"chunks":3}'))
    seen.append(await job.status())
    info = await job.result_info()

    assert [JobStatus.queued, JobStatus.queued, JobStatus.in_progress, JobStatus.complete] == seen
    assert {"chunks": 3} == await job.result(timeout=PATIENCE_S)
    assert (info.function, info.args, info.kwargs, info.job_try) == ("reembed.document", [], {}, 1)
    assert (info.success, info.queue_name, info.job_id) == (True, QUEUE, job.job_id)
    assert info.enqueue_time <= info.start_time <= info.finish_time
    assert [f"arq:result:{job.job_id}"] == await arq_keys(arq)
    assert b"secret-42" not in await arq.get(f"arq:result:{job.job_id}")


async def test_a_result_outlives_the_time_in_which_its_id_is_refused(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    await worker.end((await worker.claim())[0], Completed())

    assert 590_000 < await arq.pttl(f"arq:result:{job.job_id}") <= 600_000
    assert await arq.enqueue_job("reembed.document", document_id="42", _job_id=job.job_id) is None


async def test_an_attempt_that_is_followed_by_another_leaves_the_job_queued(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    (claimed,) = await worker.claim()
    await worker.start(claimed)
    await worker.end(claimed, Retried(0), record=b"1,0,0,0|[]")

    assert JobStatus.queued == await job.status()

    (claimed,) = await worker.claim()
    await worker.end(claimed, Completed(b"1"))

    assert 2 == (await job.result_info()).job_try


async def test_a_failed_job_raises_job_failed_with_its_reason(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42", _job_id="x")
    await worker.bridge.look()
    await worker.end((await worker.claim())[0], Failed('exhausted: "4" of 4\nattempts/failed'), record=b"4,0,0,0|[]")

    with pytest.raises(jobframe.JobFailed) as caught:
        await job.result(timeout=PATIENCE_S)

    assert (caught.value.id, caught.value.reason) == ("reembed.document:x", 'exhausted: "4" of 4\nattempts/failed')
    assert 4 == (await job.result_info()).job_try


async def test_a_cancelled_job_raises_cancelled_error(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    await worker.end((await worker.claim())[0], Cancelled("by an operator"))

    with pytest.raises(asyncio.CancelledError, match="by an operator"):
        await job.result(timeout=PATIENCE_S)


async def test_a_deferred_job_stays_with_arq_until_it_is_due(arq, worker):
    later = await arq.enqueue_job("reembed.document", document_id="1", _defer_by=3600)
    soon = await arq.enqueue_job("reembed.document", document_id="2", _defer_by=0.05)
    await worker.bridge.look()
    status = [await later.status(), await soon.status()]
    await asyncio.sleep(0.06)
    await worker.bridge.look()

    assert [JobStatus.deferred, JobStatus.deferred] == status
    assert [soon.job_id] == [each.unique for each in await worker.claim()]
    assert JobStatus.deferred == await later.status()


async def test_the_same_bytes_handed_over_twice_make_one_job(arq, store, worker):
    await arq.enqueue_job("reembed.document", document_id="42", _job_id="x")
    before = await arq.zscore(QUEUE, "x")
    await worker.bridge.look()
    await arq.zadd(QUEUE, {"x": before})  # as if the bridge had died before it could mark the job
    await worker.bridge.look()

    assert 1 == len(await worker.claim())
    assert await arq.zscore(QUEUE, "x") < 0


async def test_an_answer_that_its_worker_could_not_give_is_given_by_any_bridge(arq, store, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    (claimed,) = await worker.claim()
    await worker.settle(claimed, Completed(b"[1]"))  # and then its process dies
    other = Bridge(store, QUEUE)
    await other.look()

    assert [1] == await job.result(timeout=PATIENCE_S)
    await other.aclose()


async def test_a_result_that_the_policy_does_not_keep_still_reaches_the_producer(arq, worker, store):
    no_results = policies.document(REEMBED, Policy(keep_result_ms=0), "w1")
    member = policies.Member(
        host="h", pid=1, started_at=0, types=("reembed.document",), kind="w1", max_jobs=9, lease_ms=600_000, version="0"
    )
    await policies.announce(store, "w1", member, [no_results], apply=True, edited_ms=1)
    job = await arq.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    await worker.bridge.look()
    await worker.end((await worker.claim())[0], Completed(b"[1]"))

    assert [1] == await job.result(timeout=PATIENCE_S)


async def test_answers_owed_are_looked_for_page_after_page(arq, store, worker):
    jobs = [await arq.enqueue_job("reembed.document", document_id=str(i)) for i in range(250)]
    await worker.bridge.look()
    for claimed in await claim_all(worker):
        await worker.settle(claimed, Completed())
    for _ in range(4):
        await worker.bridge.look()

    assert {JobStatus.complete} == {await job.status() for job in jobs}


async def test_a_job_that_our_store_lost_is_handed_over_again(arq, store, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42")
    await worker.bridge.look()
    for key in ("payload:reembed.document", "queue:reembed.document:n"):
        await store.redis.delete(store.keys.prefix + key)
    await worker.bridge.look()

    assert [job.job_id] == [each.unique for each in await worker.claim()]


async def test_large_jobs_are_handed_over_a_mebibyte_at_a_time(arq, worker):
    for i in range(6):
        await arq.enqueue_job("reembed.document", document_id=str(i), note="x" * 250_000)
    looks = [await worker.bridge.look() for _ in range(3)]

    assert [(5, True), (1, False), (0, False)] == [(len(look.due), look.more) for look in looks]
    assert 0 == _until_turn_s(looks[0]) < _until_turn_s(looks[1])


async def test_more_jobs_than_one_look_takes_are_all_handed_over_in_order(arq, worker):
    for i in range(MOST_JOBS + 1):
        await arq.enqueue_job("reembed.document", document_id=str(i), _job_id=f"{i:04}")
    found = [len((await worker.bridge.look()).due) for _ in range(3)]

    assert [MOST_JOBS, 1, 0] == found
    assert sorted(each.unique for each in await claim_all(worker)) == [f"{i:04}" for i in range(MOST_JOBS + 1)]


@pytest.mark.parametrize("state", ["deferred", "waiting", "handed over", "running"])
async def test_abort_returns_true_whatever_the_job_is_doing(arq, store, worker, state):
    job = await arq.enqueue_job("reembed.document", document_id="42", _defer_by=3600 if state == "deferred" else None)
    claimed = None
    if state in ("handed over", "running"):
        await worker.bridge.look()
    if state == "running":
        (claimed,) = await worker.claim()
    aborting = asyncio.create_task(job.abort(timeout=PATIENCE_S, poll_delay=0.05))
    await abort_arrived(arq, job)
    await worker.bridge.look()
    if claimed:
        (cancel,) = (await store.redis.hgetall(f"{store.keys.prefix}cancels:w1")).values()
        assert "aborted by its producer" == cancel.decode().partition("\t")[2]
        await worker.end(claimed, Cancelled("aborted by its producer"))

    assert await aborting is True
    assert [] == await worker.claim()
    assert [f"arq:result:{job.job_id}"] == await arq_keys(arq)


async def test_an_abort_that_comes_too_late_is_answered_and_kept_from_the_next_job_of_that_id(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="1", _job_id="x")
    await worker.bridge.look()
    await worker.end((await worker.claim())[0], Completed())

    assert await job.abort(timeout=PATIENCE_S) is False

    await arq.delete("arq:result:x")
    await arq.zadd("arq:abort", {"y": await arq.zscore("arq:abort", "x") - 5})
    await arq.enqueue_job("reembed.document", document_id="2", _job_id="y")
    await worker.bridge.look()
    await worker.bridge.look()

    assert ["y"] == [each.unique for each in await worker.claim()]
    assert await arq.zscore("arq:abort", "y") is None


async def test_aborts_of_jobs_on_other_queues_are_left_alone(arq, worker):
    await arq.enqueue_job("reembed.document", document_id="1", _job_id="x", _queue_name="arq:other")
    now = 1000 * int((await arq.time())[0])
    await arq.zadd("arq:abort", {"x": now, "forgotten": now - 90_000_000})
    await worker.bridge.look()

    assert [b"x"] == await arq.zrange("arq:abort", 0, -1)
    assert await arq.zscore("arq:other", "x") > 0


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (pickle.dumps({"t": None, "f": "reembed.document", "a": (), "k": {}, "et": 1}), "pickled"),
        (b"\xff\x00 nonsense", "no JSON"),
        (b'{"f":"reembed.document"}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"t":null,"f":"NotAName","a":[],"k":{},"et":1}', "no name of a job type"),
        (b'{"t":null,"f":"arq.unreadable","a":[],"k":{},"et":1}', "reserved"),
        (b'{"t":null,"f":"reembed.document","a":[1,2,3,4],"k":{},"et":1}', "4 positional arguments for 3 fields"),
        (b'{"t":null,"f":"reembed.document","a":["1"],"k":{"document_id":"2"},"et":1}', "document_id"),
        (b'{"t":null,"f":"reembed.document","a":[],"k":{"note":"' + b"x" * 262_144 + b'"},"et":1}', "over the limit"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
async def test_what_cannot_be_read_is_parked_with_its_bytes_and_answered(arq, store, worker, payload, reason):
    await arq.set("arq:job:x", payload)
    await arq.zadd(QUEUE, {"x": 1})
    await worker.bridge.look()
    info = await inspect.info(store, "arq.unreadable:x")
    kept = json.loads(bytes(decode_payload(await store.redis.hget(store.keys.payload("arq.unreadable"), "x"))[1].body))

    assert info.state is State.PARKED
    assert reason in info.reason
    assert ("x", payload) == (kept["arq_id"], base64.b64decode(kept["bytes"]))
    with pytest.raises(jobframe.JobFailed, match="unreadable"):
        await Job("x", arq, _deserializer=arq_loads).result(timeout=PATIENCE_S)
    assert ["arq:result:x"] == await arq_keys(arq)
    assert 1 == (await inspect.counts(store))["parked"]


@pytest.mark.parametrize("id", ["with space", "a/b", "naïve", "x" * 90, "arq=abc", "%\r\n{}"])
async def test_ids_that_no_job_of_ours_can_have_work_all_the_same(arq, worker, id):
    job = await arq.enqueue_job("reembed.document", document_id="42", _job_id=id)
    await worker.bridge.look()
    await worker.end((await worker.claim())[0], Completed(b"1"))

    assert 1 == await job.result(timeout=PATIENCE_S)


async def test_an_id_that_is_too_long_is_parked(arq, store, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42", _job_id="x" * 200)
    await worker.bridge.look()

    with pytest.raises(jobframe.JobFailed, match="too long"):
        await job.result(timeout=PATIENCE_S)
    assert 1 == (await inspect.counts(store))["parked"]


@pytest.mark.parametrize(
    ("written", "id"),
    [
        (pickle.dumps({"t": None, "f": "secret.seal", "a": (), "k": {"token": "hunter2"}, "et": 1}), "mine"),
        (b'{"f": "secret.seal", "k": {"token": "hunter2"}', "mine"),
        (jobframe.arq_dumps({"t": None, "f": "secret.seal", "a": (), "k": {"token": "hunter2"}, "et": 1}), "x" * 200),
    ],
    ids=["pickled", "damaged", "its id is too long"],
)
async def test_bytes_that_cannot_be_read_and_name_a_type_with_restricted_fields_are_not_kept(
    arq, store, worker, written, id
):
    await arq.set(f"arq:job:{id}", written)
    await arq.zadd("arq:queue", {id: 1})
    await worker.bridge.look()

    with pytest.raises(jobframe.JobFailed, match=r"names secret\.seal, which has restricted fields"):
        await Job(id, arq, _deserializer=arq_loads).result(timeout=PATIENCE_S)
    assert [f"arq:result:{id}"] == await arq_keys(arq)
    assert 0 == (await inspect.counts(store))["parked"]


async def test_a_type_with_restricted_fields_is_refused_and_its_payload_deleted(arq, store, worker):
    job = await arq.enqueue_job("secret.seal", document_id="42", token="hunter2")
    await worker.bridge.look()

    with pytest.raises(jobframe.JobFailed, match=r"secret\.seal.*restricted fields \(token\)"):
        await job.result(timeout=PATIENCE_S)
    assert [f"arq:result:{job.job_id}"] == await arq_keys(arq)
    for key in await arq.keys("*"):
        assert b"hunter2" not in await arq.dump(key)


async def test_a_name_that_nobody_runs_waits_in_its_own_queue(arq, store, worker):
    job = await arq.enqueue_job("later.type", n=1)
    await worker.bridge.look()
    info = await inspect.info(store, f"later.type:{job.job_id}")

    assert info.state is State.WAITING
    assert JobStatus.queued == await job.status()


async def test_positional_arguments_wait_until_the_fields_of_the_type_are_known(arq, store, worker):
    job = await arq.enqueue_job("later.type", "42", 5)
    await worker.bridge.look()
    await worker.bridge.look()

    assert JobStatus.queued == await job.status()
    assert await job.info() is not None

    @attrs.frozen
    class Later:
        name: str
        count: int

    async def later(ctx, payload: Later): ...

    later.__annotations__["payload"] = Later
    await worker.announce(JobType("later.type", 1, later, {}))
    await worker.bridge.look()  # learns that the type was announced
    await worker.bridge.look()

    assert [{"name": "42", "count": 5}] == [body_of(each) for each in await worker.claim()]


async def test_a_job_that_waits_for_its_type_can_be_aborted(arq, worker):
    job = await arq.enqueue_job("later.type", "42")
    await worker.bridge.look()
    aborting = asyncio.create_task(job.abort(timeout=PATIENCE_S, poll_delay=0.05))
    await abort_arrived(arq, job)
    await worker.bridge.look()

    assert await aborting is True


async def test_a_payload_that_arq_dropped_is_answered_as_expired(arq, worker):
    job = await arq.enqueue_job("reembed.document", document_id="42", _expires=0.02)
    await asyncio.sleep(0.03)
    await worker.bridge.look()

    with pytest.raises(jobframe.JobFailed, match="expired"):
        await job.result(timeout=PATIENCE_S)


async def test_a_time_limit_that_the_producer_set_is_kept_and_arqs_own_is_not(arq, store, worker):
    await arq.enqueue_job("reembed.document", document_id="1", _job_id="hurried", _expires=30)
    await arq.enqueue_job("reembed.document", document_id="2", _job_id="patient")
    await worker.bridge.look()
    payload = store.keys.payload("reembed.document")
    options = {name: (await store.redis.hget(payload, name))[13:].split(b"\n")[0] for name in ("hurried", "patient")}

    assert b";g" == options["patient"]
    prefix, limit = options["hurried"].split(b";x")
    assert b";g" == prefix
    assert 20_000 < int(limit) <= 30_000
    assert -1 == await arq.pttl("arq:job:patient")


async def test_bridges_take_turns_twice_a_second_in_all(store):
    first, second = Bridge(store, QUEUE), Bridge(store, QUEUE)
    await first.look()
    await second.look()
    a, b = await first.look(), await second.look()

    assert {(a.place, a.bridges), (b.place, b.bridges)} == {(0, 2), (1, 2)}
    turns = sorted((look.now_ms + round(_until_turn_s(look) * 1000)) % 1000 for look in (a, b))
    assert [0, 500] == turns

    await second.aclose()
    assert 1 == (await first.look()).bridges
    await first.aclose()


async def test_a_running_bridge_hands_over_and_aborts_by_itself(arq, store, worker):
    worker.bridge.start()
    job = await arq.enqueue_job("reembed.document", document_id="42", _defer_by=3600)

    assert await asyncio.wait_for(job.abort(), 2) is True


async def test_a_running_bridge_outlives_its_server(own_server, namespace):
    store = Store(own_server.url, namespace)
    worker = await Worker(store).announce(REEMBED)
    worker.bridge.start()
    own_server.kill()
    own_server.start()
    arq = ArqRedis(
        unix_socket_path=own_server.url.removeprefix("unix://"), job_serializer=arq_dumps, job_deserializer=arq_loads
    )
    job = await arq.enqueue_job("reembed.document", document_id="42", _defer_by=3600)

    assert await asyncio.wait_for(job.abort(), PATIENCE_S) is True

    own_server.stop()
    await worker.bridge.aclose()
    await arq.aclose()
    await store.aclose()


@pytest.mark.parametrize("first", ["arq", "ours"])
async def test_an_equal_job_is_answered_with_what_becomes_of_the_one_there(arq, store, worker, first):
    await worker.announce(REEMBED, unique=Unique(("document_id",)))
    ours = Jobs(store)
    if first == "ours":
        await ours.enqueue("reembed.document", {"document_id": "42"})
    jobs = [await arq.enqueue_job("reembed.document", document_id="42", note=str(n)) for n in range(3)]
    await worker.bridge.take_over()

    (claimed,) = await worker.claim()
    assert not (await ours.enqueue("reembed.document", {"document_id": "42"})).created
    await worker.end(claimed, Completed(b'"once"'))
    await worker.bridge.look()

    assert ["once"] * 3 == [await job.result(timeout=PATIENCE_S) for job in jobs]
    assert [] == await worker.claim()
    await worker.bridge.look()
    assert {} == await store.read_hash(store.keys.prefix + "bridged")
    await ours.aclose()


async def test_an_equal_job_takes_the_place_of_one_that_waits_where_the_type_replaces(arq, store, worker):
    await worker.announce(REEMBED, unique=Unique(("document_id",), mode="replace"))
    jobs = [await arq.enqueue_job("reembed.document", document_id="42", note=str(n), _job_id=f"j{n}") for n in range(3)]
    await worker.bridge.take_over()

    (claimed,) = await worker.claim()
    assert "2" == body_of(claimed)["note"]
    await worker.end(claimed, Failed("why"))
    await worker.bridge.look()

    for job in jobs:
        with pytest.raises(jobframe.JobFailed, match="why"):
            await job.result(timeout=PATIENCE_S)
