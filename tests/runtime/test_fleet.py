"""Several workers under one parent, as real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobframe.runtime import fleet
from jobframe.runtime.fleet import Fleet, WorkerEnded

FOLDER = Path(__file__).parent
PATIENCE_S = 30


def seen(folder, word):
    return sorted(int(path.name.rpartition("-")[2]) for path in folder.glob(f"{word}-*"))


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def parent(tmp_path):
    started = []

    def start(manner):
        command = [sys.executable, str(FOLDER / "fleet_parent.py"), str(tmp_path), manner]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        wait_for(lambda: len(seen(tmp_path, "started")) == 2)
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()
    for pid in seen(tmp_path, "started"):
        wait_for(lambda pid=pid: not alive(pid))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_to_the_parent_is_one_sigterm_to_each_worker_and_exit_0(parent, tmp_path, number):
    process = parent("polite")
    process.send_signal(number)

    assert 0 == process.wait(PATIENCE_S)
    assert seen(tmp_path, "started") == seen(tmp_path, "signal1-15")
    assert not seen(tmp_path, "signal2-15")


def test_a_second_signal_is_passed_on_too(parent, tmp_path):
    process = parent("slow")
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: len(seen(tmp_path, "signal1-15")) == 2)
    process.send_signal(signal.SIGTERM)

    assert 0 == process.wait(PATIENCE_S)
    assert seen(tmp_path, "started") == seen(tmp_path, "signal2-15")


def test_ctrl_c_in_a_terminal_reaches_the_workers_only_through_their_parent(parent, tmp_path):
    parent("polite")

    assert all(os.getpgid(pid) == pid for pid in seen(tmp_path, "started"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_workers_drain_when_their_parent_is_killed(parent, tmp_path):
    process = parent("polite")
    process.kill()
    wait_for(lambda: seen(tmp_path, "started") == seen(tmp_path, "signal1-15"))


def test_a_dead_worker_is_replaced(parent, tmp_path):
    process = parent("polite")
    victim, survivor = seen(tmp_path, "started")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(seen(tmp_path, "started")) == 3)

    assert alive(survivor)
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(PATIENCE_S)
    assert [victim] == sorted({*seen(tmp_path, "started")} - {*seen(tmp_path, "signal1-15")})


def member(tmp_path, manner):
    return [sys.executable, str(FOLDER / "fleet_member.py"), str(tmp_path), manner]


async def test_workers_that_keep_dying_are_replaced_ever_more_slowly(tmp_path, monkeypatch):
    pauses = []

    def no_pause(_backoff, deaths, _roll):
        pauses.append(deaths)
        return 0 if len(pauses) < 4 else 600_000

    monkeypatch.setattr(fleet, "delay_ms", no_pause)
    several = Fleet(member(tmp_path, "exit1"), 1)
    await several.start()
    running = asyncio.create_task(several.run())
    async with asyncio.timeout(PATIENCE_S):
        while len(pauses) < 4:
            await asyncio.wait([running], timeout=0.02)
        await several.drain(0)
        await running

    assert [1, 2, 3, 4] == pauses


async def test_a_burst_is_over_when_every_worker_has_ended_well(tmp_path):
    several = Fleet(member(tmp_path, "exit0"), 3, burst=True)
    await several.start()
    async with asyncio.timeout(PATIENCE_S):
        await several.run()

    assert 3 == len(seen(tmp_path, "started"))


@pytest.mark.parametrize("code", [2, 3, 5])
async def test_what_no_restart_can_change_ends_the_fleet(tmp_path, code):
    several = Fleet(member(tmp_path, f"exit{code}"), 2)
    await several.start()
    with pytest.raises(WorkerEnded) as caught:
        await several.run()
    await several.drain(1000)

    assert code == caught.value.exit_code
    assert len(seen(tmp_path, "started")) <= 2


async def test_a_worker_that_finds_a_wrong_file_when_it_is_started_again_does_not_end_the_fleet(tmp_path, monkeypatch):
    pauses = []

    def no_pause(_backoff, deaths, _dice):
        pauses.append(deaths)
        return 0

    monkeypatch.setattr(fleet, "delay_ms", no_pause)
    several = Fleet(member(tmp_path, "exit70-3"), 1)
    await several.start()
    running = asyncio.create_task(several.run())
    async with asyncio.timeout(PATIENCE_S):
        while len(pauses) < 3 and not running.done():
            await asyncio.wait([running], timeout=0.02)
        await several.drain(1000)
        await running

    assert [1, 2, 3] == pauses[:3]


async def test_a_worker_that_hangs_is_killed_after_the_grace(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet, "_LAST_WORDS_S", 0.3)
    several = Fleet(member(tmp_path, "deaf"), 1)
    await several.start()
    running = asyncio.create_task(several.run())
    async with asyncio.timeout(PATIENCE_S):
        while not seen(tmp_path, "started"):
            await asyncio.wait([running], timeout=0.02)
        await several.drain(100)
        await running

    assert seen(tmp_path, "started") == seen(tmp_path, "signal1-15")
