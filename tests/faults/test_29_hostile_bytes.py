"""Bytes that no client wrote, put straight into the store: none is executed, each is kept once and with its reason."""

from __future__ import annotations

import pickle

from jobframe.core.job import State
from tests.faults.form import load

EACH = load(50)
LARGE = load(100_000_000)
STAMP = b"1" * 13


class Touch:
    """A pickle of it makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def hostile(marker):
    """Make one of each kind, with the state and the beginning of the reason that it ends with."""
    no_envelope = State.PARKED, "unreadable: its bytes are no envelope of this program"
    return {
        b"nonsense": no_envelope,
        b"": no_envelope,
        b"{}": no_envelope,
        b"\xff\xfe\xfd": no_envelope,
        pickle.dumps(Touch(marker)): no_envelope,
        b'{"body":' + pickle.dumps(Touch(marker), 0) + b"}": no_envelope,
        b'{"body":{"n":NaN}}': no_envelope,
        b'{"body":' + b"[" * 100_000 + b"]" * 100_000 + b"}": no_envelope,
        b'{"v":2,"body":{}}': (State.PARKED, "too new: envelope version 2"),
        b'{"version":2,"body":{}}': (State.PARKED, "too new: payload version 2"),
        b'{"body":{"text":"\xff\xfe"}}': (State.FAILED, "payload: a text that is no valid Unicode"),
    }


async def put(fleet, payloads):
    """Enqueue a job for each payload, write its bytes over before it can start, and return the ids."""
    await fleet.jobs.pause("work.loop")
    ids = await fleet.enqueue(len(payloads))
    store = fleet.jobs.store
    uniques = [job.partition(":")[2] for job in ids]
    await store.redis.hset(store.keys.payload("work.loop"), mapping=dict(zip(uniques, payloads, strict=True)))
    await fleet.jobs.resume("work.loop")
    return ids


async def test_hostile_bytes_are_executed_by_nobody_and_kept_once_each_with_the_reason(fleet, tmp_path):
    marker = tmp_path / "executed"
    large = {b"\x80" * LARGE: (State.PARKED, "unreadable: its bytes are no envelope")}
    expected = [*hostile(marker).items()] * EACH + [*large.items()]
    (first,) = await fleet.start()
    calm = await fleet.enqueue(EACH, "work.other", do="sleep", n=10)
    written = [STAMP + b"\n" + payload for payload, _ in expected]
    ids = await put(fleet, written)
    counts = await fleet.ended()
    (second,) = await fleet.start()  # it looks whether it can do what others could not
    after = await fleet.enqueue(EACH, do="sleep", n=10)
    again = await fleet.ended()

    assert not marker.exists()
    assert {*calm, *after} == set(fleet.ledger.starts())
    assert (len(ids) - EACH, EACH, EACH) == tuple(counts[name] for name in ("parked", "failed", "completed"))
    assert counts | {"completed": 2 * EACH} == again
    assert 0 == again["retried"] + again["crashed"] + again["interrupted"]
    store = fleet.jobs.store
    kept = await store.redis.hmget(store.keys.payload("work.loop"), [job.partition(":")[2] for job in ids])
    for job, payload, found, (_, (state, reason)) in zip(ids, written, kept, expected, strict=True):
        info = await (await fleet.jobs.job(job)).info()
        assert (state, 0, payload) == (info.state, info.attempts, found)
        assert info.reason.startswith(reason), info.reason
    assert [None, None] == [worker.process.poll() for worker in (first, second)]
