"""The built-in job types, found through their entry point and run by a real worker."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import jobframe
from jobframe.project import load_project
from jobframe.wiring import build_runtime


@pytest.fixture
def config(tmp_path, redis_url, namespace, monkeypatch):
    """A jobs.toml with nothing in it but the server, and no plugin but the built-in one."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "jobs.toml"
    path.write_text(f'[redis]\nurl = "{redis_url}"\nnamespace = "{namespace}"\n[plugins]\nallow = []\n')
    return path


@pytest.fixture
async def work(config, redis_url):
    """A client, and a way to have a job run by a worker and get its result."""
    runtime = build_runtime(load_project(config), redis_url)
    await runtime.start()
    running = asyncio.ensure_future(runtime.run())
    try:
        async with jobframe.connect(config=config) as jobs:

            async def run(type, payload=None):
                return await (await jobs.enqueue(type, payload)).result(timeout=20)

            yield jobs, run
    finally:
        await runtime.drain(1_000)
        await running


def test_the_built_in_plugin_brings_its_types_without_being_allowed(config):
    assert {"maintenance.purge", "maintenance.doctor", "maintenance.vacuum"} == load_project(config).policies.keys()


def test_importing_it_loads_no_redis():
    code = "import sys, jobframe.maintenance.plugin; print(*{'redis', 'arq', 'aiohttp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert "\n" == done.stdout


async def test_purge_removes_by_state_type_and_age(work):
    jobs, run = work
    await jobs.pause("maintenance.vacuum")
    await jobs.enqueue_many([("maintenance.vacuum",), ("maintenance.vacuum",)])

    waiting = {"state": "waiting", "type": "maintenance.vacuum"}
    assert {"removed": 0} == await run("maintenance.purge", {**waiting, "older_than": "1h"})
    assert {"removed": 2} == await run("maintenance.purge", waiting)


async def test_an_impossible_age_is_a_dead_letter_at_once(work):
    _, run = work

    with pytest.raises(jobframe.JobFailed, match="expected a duration"):
        await run("maintenance.purge", {"state": "failed", "older_than": "1 day"})


@pytest.mark.parametrize("state", ["active", "gone"])
async def test_a_state_that_cannot_be_purged_is_refused_at_enqueue(work, state):
    _, run = work

    with pytest.raises(jobframe.PayloadError):
        await run("maintenance.purge", {"state": state})


async def test_doctor_reports_and_mends_only_when_asked(work):
    jobs, run = work
    keys = jobs.store.keys
    await jobs.store.redis.hset(keys.payload("maintenance.vacuum"), "stray", b'1764072000000\n{"body":{}}')
    trouble = {"stray": {"jobs": 1, "first": ["maintenance.vacuum:stray"]}}

    report = await run("maintenance.doctor")
    assert (trouble, False) == (report["troubles"], report["repaired"])
    report = await run("maintenance.doctor", {"repair": True})
    assert (trouble, True) == (report["troubles"], report["repaired"])
    assert {"removed": 0} == await (await jobs.job("maintenance.vacuum:stray")).result(timeout=20)
    assert {} == (await run("maintenance.doctor"))["troubles"]


async def test_vacuum_removes_what_the_policy_keeps_no_longer(work):
    jobs, run = work
    failed = jobs.store.keys.ended("failed", "maintenance.purge")
    await jobs.store.redis.zadd(failed, {f"of-long-ago-{number}": 1 for number in range(2_000)})

    assert 1_000 < (await run("maintenance.vacuum"))["removed"] <= 2_000  # a sweep may have begun it
    assert 0 == await jobs.store.redis.exists(failed)
