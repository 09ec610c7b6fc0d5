"""Jobs that nobody can run as they are: refused at the door, or failed with a reason."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jobframe.core.errors import JobFailed, PayloadError, RestrictedField, UnknownJobType

STAMP = b"1" * 13
WRONG_SHAPES = {
    "a wrong type": b'{"do":7}',
    "a number as text": b'{"n":"7"}',
    "an unknown field": b'{"sideways":1}',
    "a list": b"[1,2]",
    "nothing": b"null",
}


async def put(fleet, written):
    """Enqueue a job and write its bytes over before it can start."""
    await fleet.jobs.pause("work.loop")
    handle = await fleet.jobs.enqueue("work.loop")
    store = fleet.jobs.store
    await store.redis.hset(store.keys.payload("work.loop"), handle.id.partition(":")[2], written)
    await fleet.jobs.resume("work.loop")
    return handle


@pytest.mark.parametrize("shape", WRONG_SHAPES)
async def test_a_payload_of_the_wrong_shape_fails_before_its_handler(fleet, shape):
    async with fleet.here():
        handle = await put(fleet, STAMP + b'\n{"body":' + WRONG_SHAPES[shape] + b"}")

        with pytest.raises(JobFailed, match="payload: "):
            await handle.result(timeout=30)
        assert "" == await (await fleet.jobs.enqueue("work.loop")).result(timeout=30)
    assert not fleet.ledger.starts()[handle.id]
    assert 0 == (await handle.info()).attempts


async def test_a_restricted_field_is_refused_at_the_door(fleet):
    async with fleet.here():
        for payload in ({"number": "4929"}, {"name": "x"}, None):
            with pytest.raises(RestrictedField, match="number"):
                await fleet.jobs.enqueue("work.secret", payload)
        parent = await fleet.jobs.enqueue("work.loop", {"do": "secretly", "text": "4929"}, max_retries=0)
        with pytest.raises(JobFailed, match="RestrictedField"):
            await parent.result(timeout=30)
    assert 0 == sum((await fleet.jobs.counts("work.secret")).values())


FOREIGN = """
import asyncio, sys, jobframe

async def main(url, type_name, payload):
    async with jobframe.connect(url) as jobs:
        try:
            handle = await jobs.enqueue(type_name, eval(payload))
        except (jobframe.JobframeError, ValueError) as error:
            print(type(error).__name__, error)
        else:
            print(handle.id)
    assert "acme_work" not in sys.modules

asyncio.run(main(*sys.argv[1:]))
"""


def foreign(fleet, type_name, payload):
    """Enqueue by name in a process that has no handler, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN, fleet.url, type_name, repr(payload)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "JOBFRAME_CONFIG": str(fleet.folder / "jobs.toml")},
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


async def test_a_process_without_the_handlers_enqueues_by_name_what_was_announced(fleet):
    async with fleet.here():
        handle = await fleet.jobs.job(foreign(fleet, "work.loop", {"text": "from afar"}))

        assert "from afar" == await handle.result(timeout=30)
        assert foreign(fleet, "work.secret", {"number": "4929"}).startswith("RestrictedField ")
        assert "unknown field 'txt': did you mean 'text'?" in foreign(fleet, "work.loop", {"txt": "x"})
        said = foreign(fleet, "work.lop", {})
        assert said.startswith("UnknownJobType ")
        assert "work.loop" in said


async def test_a_wrong_payload_is_refused_where_the_class_is_known(fleet):
    async with fleet.here():
        for payload in ({"n": "7"}, {"n": True}, {"sideways": 1}, ["do"], {"text": "x" * 300_000}):
            with pytest.raises(PayloadError):
                await fleet.jobs.enqueue("work.loop", payload)
        with pytest.raises(UnknownJobType, match=r"work\.loop"):
            await fleet.jobs.enqueue("work.loob")
    assert {} == fleet.ledger.starts()
