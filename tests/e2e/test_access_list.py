"""A user of the server with the documented rights alone: everything works, and the server never has to refuse."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.docs.pages import server_rights
from tests.fleet.fixtures import fleet_at
from tests.fleet.workers import PATIENCE_S, until

TABLES = """
[jobs."work.other"]
concurrency = 2
unique = { by = ["text"] }
rate_limit = "1000/s"
[jobs."work.thread"]
group = { by = "text", concurrency = 2 }
[schedules.often]
job = "work.other"
every = "1s"
"""
COMMANDS = """
enqueue work.loop --payload {"text":"a"} --wait
enqueue work.loop --payload {"do":"fail","text":"bad"} --id bad
enqueue work.loop --payload {"text":"late"} --id late --delay 1h
stats
list
show work.loop:late
explain work.loop:late
cancel work.loop:late
list --state failed --group
retry work.loop:bad
retry --type work.loop --state failed
purge --state cancelled --older-than 0s --yes
pause work.loop
resume work.loop
workers
types
schedules
schedules fire often
plan
apply
config work.loop --history
check --store
doctor --repair
enqueue maintenance.vacuum --wait
"""


@pytest.fixture
def admin(own_server):
    with redis.Redis.from_url(own_server.url) as client:
        client.execute_command("ACL", "SETUSER", "jobs", "reset", *server_rights())
        yield client


@pytest.mark.slow
async def test_a_worker_and_every_command_do_with_the_documented_rights(
    own_server, admin, namespace, tmp_path, monkeypatch
):
    url = own_server.url.replace("unix://", "unix://jobs:SECRET@")
    async with fleet_at(url, namespace, tmp_path, monkeypatch) as fleet:
        fleet.configure(TABLES, durability="aof")
        await fleet.start()
        for line in COMMANDS.strip().splitlines():
            code, said = await _say(fleet.folder, *line.split())
            assert 0 == code, f"jobframe {line}: {said}"
        handle = await fleet.jobs.enqueue("work.loop", {"do": "hold", "text": "gate"})
        await until(lambda: fleet.ledger.starts()[handle.id], "it runs")
        await handle.cancel()
        await until(lambda: _is_cancelled(handle), "it is cancelled")
        fleet.workers[0].signal()
        assert 0 == await fleet.workers[0].exit_code()

    assert [] == [(each["context"], each["object"]) for each in admin.acl_log()]


async def test_a_worker_does_not_start_without_a_right(own_server, admin, namespace, tmp_path, monkeypatch):
    admin.execute_command("ACL", "SETUSER", "jobs", "-zadd")
    url = own_server.url.replace("unix://", "unix://jobs:SECRET@")
    async with fleet_at(url, namespace, tmp_path, monkeypatch) as fleet:
        worker = fleet.spawn()

        assert 3 == await worker.exit_code()
        assert "the server's access list forbids its user ZADD: give it the rights that" in worker.said()
        code, said = await _say(fleet.folder, "check", "--store")
        assert (3, True) == (code, "forbids its user ZADD" in said)
    assert not admin.keys("*")


async def _say(folder, *words):
    """Run one command; returns its exit code and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [Path(sys.executable).with_name("jobframe"), *words]
    run = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE_S
    )
    return run.returncode, (run.stdout + run.stderr).decode()


async def _is_cancelled(handle):
    return await handle.status() == "cancelled"
