"""The user that ``docs/operating.md`` proposes for the server can do all that jobframe asks of it, and little else."""

from __future__ import annotations

import asyncio

import pytest
import redis
from arq import create_pool
from arq.connections import RedisSettings

import jobframe
from jobframe.project import load_project
from jobframe.wiring import build_runtime
from tests.docs import pages

PATIENCE_S = 20.0
TYPE = "maintenance.vacuum"


@pytest.fixture(params=["own_server", "redis_server"])
def guarded(request):
    """Each kind of server with that user on it: the user's URL and the arguments of arq's settings."""
    server = request.getfixturevalue(request.param)
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "jobs", *pages.server_rights())
        yield f"{server.url}?username=jobs&password=SECRET", {"username": "jobs", "password": "SECRET"}
        refused = [entry for entry in admin.acl_log() if entry["username"] == "jobs"]
        admin.execute_command("ACL", "DELUSER", "jobs")
    assert refused == []


async def test_a_worker_its_producers_and_the_bridge_need_no_other_right(guarded, namespace, monkeypatch, tmp_path):
    url, credentials = guarded
    (tmp_path / "jobs.toml").write_text(f'[redis]\nnamespace = "{namespace}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBFRAME_REDIS_URL", url)
    runtime = build_runtime(load_project(types=[TYPE]), url)
    await runtime.start()
    try:
        async with asyncio.timeout(PATIENCE_S), jobframe.connect() as jobs:
            await (await jobs.enqueue(TYPE)).result()
            await jobs.pause(TYPE)
            waiting = await jobs.enqueue(TYPE)
            await waiting.cancel()
            await jobs.retry(waiting.id)
            await jobs.resume(TYPE)
            await waiting.result()
            assert 2 == (await jobs.counts(TYPE))["completed"]
            socket = url.removeprefix("unix://").partition("?")[0]
            settings = RedisSettings(unix_socket_path=socket, **credentials)
            arq = await create_pool(settings, job_serializer=jobframe.arq_dumps, job_deserializer=jobframe.arq_loads)
            assert {"removed": 0} == await (await arq.enqueue_job(TYPE)).result(poll_delay=0.05)
            await arq.aclose()
    finally:
        await runtime.drain(1000)
