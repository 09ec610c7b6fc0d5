"""The embedded server: one per folder, whoever starts it, whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobframe.core.errors import StoreUnavailable
from jobframe.store import binary
from jobframe.store.connection import connect_blocking
from jobframe.store.data_folder import DataFolder
from jobframe.store.embedded import Embedded, find_binary, running

PATIENCE_S = 20.0

OWNER = """
import sys, time
from pathlib import Path
from jobframe.store.embedded import Embedded
embedded = Embedded(Path(sys.argv[1])).start()
print(embedded.owner, flush=True)
time.sleep(600)
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    """The owner of a server in a folder of its own."""
    started = Embedded(tmp_path).start()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that started the server in the same folder."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "True\n" == process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        _until(lambda: not _alive(tmp_path))


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


def _pid(folder: Path) -> int:
    return int(DataFolder(folder).pid.read_text())


def _alive(folder: Path) -> bool:
    lock = DataFolder(folder).lock()
    if lock is None:
        return True
    os.close(lock)
    return False


def _answered(url: str, command: str, *arguments: str) -> object:
    with connect_blocking(url) as client:
        return client.execute_command(command, *arguments)


def test_it_starts_a_durable_server_that_refuses_to_forget(embedded):
    """The append-only file is on, nothing is evicted, and no port is open."""
    with connect_blocking(embedded.url) as client:
        settings = client.config_get("append*", "maxmemory-policy", "save", "port")

    assert "yes" == settings["appendonly"]
    assert "everysec" == settings["appendfsync"]
    assert "noeviction" == settings["maxmemory-policy"]
    assert "" == settings["save"]
    assert "0" == settings["port"]


def test_stop_ends_the_server_and_keeps_what_it_held(tmp_path):
    """A clean end loses nothing."""
    first = Embedded(tmp_path).start()
    _answered(first.url, "SET", "kept", "yes")
    first.stop()
    assert not _alive(tmp_path)

    second = Embedded(tmp_path).start()
    try:
        assert b"yes" == _answered(second.url, "GET", "kept")
    finally:
        second.stop()


def test_a_second_one_is_a_guest_of_the_first(embedded, tmp_path):
    """Two servers on one append-only file would ruin it."""
    guest = Embedded(tmp_path).start()
    try:
        assert embedded.owner
        assert not guest.owner
        assert guest.url == embedded.url
    finally:
        guest.stop()

    assert _answered(embedded.url, "PING") is True


def test_a_guest_takes_over_when_the_owner_stops(tmp_path):
    """The next of the processes that want a server starts it again."""
    owner = Embedded(tmp_path).start()
    guest = Embedded(tmp_path).start()
    try:
        _answered(owner.url, "SET", "kept", "yes")
        owner.stop()
        _until(lambda: guest.owner and running(tmp_path) is not None)

        assert b"yes" == _answered(guest.url, "GET", "kept")
    finally:
        guest.stop()


def test_a_guest_takes_over_when_the_owner_is_killed(other_process, tmp_path):
    """Nobody has a chance to say goodbye; the server ends with its owner all the same."""
    guest = Embedded(tmp_path).start()
    try:
        assert not guest.owner
        before = _pid(tmp_path)
        other_process.kill()
        _until(lambda: guest.owner and running(tmp_path) is not None)

        assert _pid(tmp_path) != before
    finally:
        guest.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_killed_owner_leaves_no_server_behind(other_process, tmp_path):
    """An orphan would go on writing into a folder that nobody watches."""
    assert _alive(tmp_path)
    other_process.kill()

    _until(lambda: not _alive(tmp_path))


def test_a_killed_server_is_started_again_with_its_data(embedded, tmp_path):
    """The owner, or a guest, brings it back; what was fsynced is there."""
    _answered(embedded.url, "SET", "kept", "yes")
    _answered(embedded.url, "WAITAOF", "1", "0", "5000")
    before = _pid(tmp_path)
    os.kill(before, signal.SIGKILL)
    _until(lambda: running(tmp_path) is not None and _pid(tmp_path) != before)

    assert b"yes" == _answered(embedded.url, "GET", "kept")


def test_interrupting_the_terminal_does_not_reach_the_server(other_process, tmp_path):
    """Ctrl-C goes to every process of the terminal's group, and the worker still needs its server to drain."""
    assert os.getpgid(_pid(tmp_path)) != os.getpgid(other_process.pid)


def test_many_at_once_agree_on_one_owner(tmp_path):
    """The lock decides, not who looked first."""
    several = [Embedded(tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=one.start) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    try:
        assert 1 == sum(one.owner for one in several)
    finally:
        for one in several:
            one.stop()


def test_running_is_none_without_a_server(tmp_path):
    """Commands that start none say so."""
    assert running(tmp_path / "nothing") is None


def test_a_long_path_moves_the_socket_to_a_short_one(tmp_path):
    """A unix socket's path has about 100 bytes, a working directory may have more, and spaces too."""
    deep = tmp_path / ("a long name " * 12)
    started = Embedded(deep).start()
    try:
        assert len(started.url) < 100
        assert running(deep) == started.url
        assert DataFolder(deep).log.exists()
    finally:
        started.stop()


def test_a_path_with_strange_characters_works(tmp_path):
    """The URL is read back to the same path."""
    strange = tmp_path / "what's @ 100%?"
    started = Embedded(strange).start()
    try:
        assert _answered(started.url, "PING") is True
    finally:
        started.stop()


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    """Whoever made it could put a server of their own there."""
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    monkeypatch.setattr(DataFolder, "socket", property(lambda _: folder / "s"))

    with pytest.raises(StoreUnavailable, match="not private"):
        Embedded(tmp_path / "data").start()


def test_a_server_that_cannot_load_its_data_says_why(tmp_path):
    """The end of its log is in the error, and no second server is tried in a loop."""
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("not a manifest\n")

    with pytest.raises(StoreUnavailable, match=r"ended with code 1 while it started(?s:.*)Invalid AOF manifest"):
        Embedded(tmp_path).start()
    assert not _alive(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """The reader needs the path."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match=str(tmp_path / "file")):
        Embedded(tmp_path / "file" / "data").start()


def test_a_folder_whose_owner_does_not_answer_is_reported(tmp_path):
    """The wait is bounded."""
    lock = DataFolder(tmp_path).lock()
    assert lock is not None
    try:
        with pytest.raises(StoreUnavailable, match="another process has"):
            Embedded(tmp_path).start(patience_s=0.2)
    finally:
        os.close(lock)


def test_what_it_holds_is_private_and_out_of_git(embedded, tmp_path):
    """Payloads lie in there."""
    assert "*\n" == (tmp_path / ".gitignore").read_text()
    assert 0 == DataFolder(tmp_path).socket.stat().st_mode & 0o077


def test_without_a_program_the_error_names_the_ways_out(monkeypatch):
    """Install one, or name a running server."""
    monkeypatch.setattr(binary, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(StoreUnavailable, match=r"apt install.*brew install.*JOBFRAME_REDIS_URL"):
        find_binary()


@pytest.mark.parametrize(("version", "good"), [("6.2.14", False), ("7.0.15", True), ("10.1.0", True)])
def test_an_old_redis_is_passed_over(monkeypatch, tmp_path, version, good):
    """Before version 7 a script cannot declare itself."""
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setattr(binary, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    if good:
        assert find_binary() == program
    else:
        with pytest.raises(StoreUnavailable):
            find_binary()


def test_the_redis_of_the_machine_does_as_well(redis_server, monkeypatch, tmp_path):
    """One way of running for every program."""
    monkeypatch.setattr(binary, "_bundled", lambda: None)
    monkeypatch.setattr(binary, "_on_path", lambda name: redis_server.binary if name == "redis-server" else None)
    started = Embedded(tmp_path).start()
    try:
        assert "valkey_version" not in str(_answered(started.url, "INFO", "server"))
    finally:
        started.stop()
