"""arq as the host: what its signals, its burst mode and its health check do to what runs inside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from arq.connections import ArqRedis

from jobframe.runtime.worker import IdleRedis
from jobframe.store.check_key import check_key

FOLDER = Path(__file__).parent
PATIENCE_S = 30
HOSTS = {
    "arq": [sys.executable, "-m", "arq", "hosted.WorkerSettings"],
    "jobframe": [sys.executable, "hosted.py"],
}


class Host:
    """A host's process, whose words can be waited for."""

    def __init__(self, command, pass_fds=(), **environment):
        self.process = subprocess.Popen(
            command,
            pass_fds=pass_fds,
            cwd=FOLDER,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.words = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def hear(self, word):
        for line in self.process.stdout:
            self.words.append(line.strip())
            if self.words[-1] == word:
                return
        pytest.fail(f"never said {word!r}: {self.words}\n{self.process.stderr.read()}")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def end(self):
        out, self.errors = self.process.communicate(timeout=PATIENCE_S)
        self.words += out.split("\n")[:-1]
        return self.process.returncode


@pytest.fixture(params=HOSTS)
def host_command(request):
    return HOSTS[request.param]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_drains_and_ends_with_exit_0(host_command, number):
    with Host(host_command, DRAIN_S="0.3") as host:
        host.hear("started")
        host.signal(number)

        assert 0 == host.end()

    assert ["open", "start", "started", "drain 2500", "drained", "close"] == host.words


def test_a_second_signal_gives_back_at_once(host_command):
    with Host(host_command, DRAIN_S="600") as host:
        host.hear("started")
        host.signal()
        host.hear("drain 2500")
        host.signal()

        assert 0 == host.end()

    assert ["open", "start", "started", "drain 2500", "give back", "close"] == host.words


def test_further_signals_change_nothing(host_command):
    with Host(host_command, DRAIN_S="600", STUCK="1") as host:
        host.hear("started")
        host.signal()
        host.hear("drain 2500")
        host.signal()
        host.hear("give back")
        host.signal()
        host.signal(signal.SIGINT)

        assert 0 == host.end()

    assert ["give back", "close"] == host.words[-2:]


def test_a_signal_during_the_start_lets_the_start_end_and_then_drains(host_command):
    with Host(host_command, START_S="0.5") as host:
        host.hear("start")
        host.signal()

        assert 0 == host.end()

    assert ["open", "start", "started", "drain 2500", "drained", "close"] == host.words


def test_two_signals_end_a_start_that_hangs(host_command):
    with Host(host_command, START_S="600") as host:
        host.hear("start")
        host.signal()
        host.signal(signal.SIGINT)

        assert 0 == host.end()

    assert ["open", "start", "close"] == host.words


def test_a_failed_start_ends_the_process_with_its_error(host_command):
    with Host(host_command, BROKEN="no such thing") as host:
        assert 1 == host.end()

    assert ["open", "start", "close"] == host.words
    assert host.errors.strip().endswith("OSError: no such thing")


def test_burst_from_arqs_command_line_drains_and_ends_when_the_work_is_done():
    with Host([*HOSTS["arq"], "--burst"]) as host:
        assert 0 == host.end()

    assert ["open", "start", "started", "drain 2500", "drained", "close"] == host.words


def test_arqs_check_reads_the_health_key(redis_url):
    with Host([*HOSTS["arq"], "--check"], URL=redis_url) as host:
        assert 1 == host.end()
    with redis.Redis.from_url(redis_url) as client:
        client.set(check_key("host"), "well")
    with Host([*HOSTS["arq"], "--check"], URL=redis_url) as host:
        assert 0 == host.end()

    assert [] == host.words


async def test_the_client_of_arqs_loop_answers_everything_arq_asks_without_a_server():
    client = IdleRedis(host="nowhere.invalid")

    async with client.pipeline(transaction=False) as pipe:
        pipe.info(section="Server")
        pipe.dbsize()
        answers = await pipe.execute()

    assert [{}, 0] == answers
    assert [] == await client.zrangebyscore("q", "-inf", 0)
    assert 0 == await client.zcard("q")
    assert 0 == await client.delete("key")
    assert isinstance(client, ArqRedis)
    await client.close(close_connection_pool=True)


ON_A_TERMINAL = """
import fcntl, os, signal, sys, termios
if "IGNORED" in os.environ: signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.setsid()
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.close(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def on_terminal():
    """Start hosts that have a terminal of their own, with the hand to close it."""
    open_ends = []

    def start(**environment):
        controlling, terminal = os.openpty()
        open_ends.append(controlling)
        command = [sys.executable, "-c", ON_A_TERMINAL, str(terminal), *HOSTS["jobframe"]]
        host = Host(command, pass_fds=(terminal,), **environment)
        os.close(terminal)
        return host, lambda: os.close(open_ends.pop())

    yield start
    for end in open_ends:
        os.close(end)


@pytest.mark.parametrize("host_command", HOSTS.values(), ids=HOSTS)
def test_a_hangup_has_the_configuration_read_again_and_ends_nothing(host_command):
    with Host(host_command) as host:
        host.hear("started")
        host.signal(signal.SIGHUP)
        host.hear("reload")
        host.signal()

        assert 0 == host.end()
        assert ["drain 2500", "drained"] == [word for word in host.words if word.startswith("drain")]


def test_a_closed_terminal_ends_a_host_as_ctrl_c_would(on_terminal):
    host, close_terminal = on_terminal()
    with host:
        host.hear("started")
        close_terminal()

        assert 0 == host.end()
        assert "reload" not in host.words
        assert "drained" in host.words


def test_a_host_under_nohup_outlives_its_terminal(on_terminal):
    host, close_terminal = on_terminal(IGNORED="1")
    with host:
        host.hear("started")
        close_terminal()
        host.hear("reload")
        host.signal()
        assert 0 == host.end()
