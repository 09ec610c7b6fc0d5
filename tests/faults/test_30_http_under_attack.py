"""The status server under attack: it answers its probes, cuts slow clients off, and does not grow."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from jobframe.status.listener import MOST_CONNECTIONS
from tests.faults.form import FULL, load
from tests.fleet.workers import PATIENCE_S, until

DRIPPING, SENDING = load(500), load(20)
FOR_S = load(60)
MOST_SOCKETS = 2 * MOST_CONNECTIONS
"""It has some of its own, and for a moment those that come and go."""

PROBED, PROBES_WANTED = ("/healthz", "/metrics", "/readyz"), load(300)
BOMB = gzip.compress(bytes(10_000_000))
HEAD = b"%s /metrics HTTP/1.1\r\nHost: x\r\n%s\r\n"
HOSTILE = {
    "a header of a megabyte": (HEAD % (b"GET", b"X-Long: " + b"x" * 1_000_000 + b"\r\n"), 431),
    "a megabyte of headers": (HEAD % (b"GET", (b"X-Many: " + b"x" * 1000 + b"\r\n") * 1000), 431),
    "a body over the cap": (HEAD % (b"POST", b"Content-Length: 99999999\r\n") + bytes(100_000), 413),
    "a bomb": (HEAD % (b"GET", b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(BOMB)) + BOMB, 200),
    "a bomb in chunks": (
        HEAD % (b"GET", b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BOMB), BOMB),
        200,
    ),
    "a thousand requests at once": (HEAD % (b"GET", b"") * 1000, 200),
}


class Status:
    """
    One ``jobframe serve``.

    Attributes:
        folder: Where it runs.
        pid: Its process id.
        port: Where it listens.

    """

    def __init__(self, process, folder):
        address = process.stdout.readline()
        self.folder = folder
        self.pid = process.pid
        self.port = int(address.rpartition(":")[2].partition("/")[0])

    def sockets(self):
        """Count its open sockets."""
        count = 0
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                count += str(link.readlink()).startswith("socket:")
        return count


@pytest.fixture
def status(fleet):
    """A status server in a process of its own."""
    fleet.configure("[status]\nport = 0")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("jobframe"), "serve"], cwd=fleet.folder, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Status(process, fleet.folder)
    finally:
        process.kill()
        process.communicate()


PROBES = """
import contextlib, http.client, select, sys, time

while not select.select([sys.stdin], [], [], 0.02)[0]:
    for path in ("/healthz", "/metrics", "/readyz"):
        began = time.monotonic()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)) as connection:
            try:
                connection.request("GET", path)
                found = connection.getresponse().status
            except OSError as error:
                found = type(error).__name__
        print(path, found, time.monotonic() - began, flush=True)
"""


class Probes:
    """
    Asks for the pages in turn from a process of its own, so that the attack's own loop does not show in the times.

    Attributes:
        seconds: How long each answer took, when it is over.
        found: How often each answer came: a status, or the name of an error.

    """

    def __init__(self, status):
        self.seconds = []
        self.found = Counter()
        self._log = status.folder / "probes"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROBES, str(status.port)], stdin=subprocess.PIPE, stdout=log
            )

    def count(self):
        """Tell how many have been answered so far."""
        return self._log.read_text().count("\n")

    def end(self):
        """Ask no more, and read what was found."""
        self._process.communicate(timeout=PATIENCE_S)
        for line in self._log.read_text().splitlines():
            path, found, seconds = line.split()
            self.found[path, found] += 1
            self.seconds.append(float(seconds))


class Attack:
    """
    Many clients that each do one hostile thing over and over.

    Attributes:
        dripping: How many drip now.
        lives_s: How long each connection that dripped was let live.
        answers: How often each kind of the others was answered, by status.

    """

    def __init__(self, port):
        self.port = port
        self.dripping = 0
        self.lives_s = []
        self.answers = {name: Counter() for name in HOSTILE}
        self._clients = []

    def begin(self):
        """Send the clients on."""
        senders = [partial(self.send, name) for name in HOSTILE] * SENDING
        self._clients = [asyncio.create_task(self._again(each)) for each in [self.drip] * DRIPPING + senders]

    async def end(self):
        """Call the clients back."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _again(self, what):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    await what(reader, writer)
                finally:
                    writer.transport.abort()

    async def drip(self, reader, writer):
        """Send a header byte by byte, until the server has enough of it."""
        began = time.monotonic()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        closed = asyncio.create_task(reader.read())
        self.dripping += 1
        try:
            while not (await asyncio.wait([closed], timeout=0.5))[0]:
                writer.write(b"x")
            self.lives_s.append(time.monotonic() - began)
            await closed
        finally:
            self.dripping -= 1
            closed.cancel()

    async def send(self, name, reader, writer):
        """Send it whole, and look at how it is answered."""
        writer.write(HOSTILE[name][0])
        head = await reader.read(12)
        if head:
            self.answers[name][int(head[9:])] += 1
        await asyncio.sleep(0.05)

    def has_all_answers(self):
        """Whether every kind was answered, and as many slow ones as there are have been cut off."""
        return len(self.lives_s) >= DRIPPING and all(map(Counter.total, self.answers.values()))


@pytest.mark.timeout(FOR_S + 2 * PATIENCE_S)
async def test_health_and_metrics_answer_while_slow_and_hostile_clients_crowd_in(status):
    attack = Attack(status.port)
    over_at = time.monotonic() + FOR_S
    dripping, sockets = [], []

    def is_over():
        dripping.append(attack.dripping)
        sockets.append(status.sockets())
        return time.monotonic() > over_at and attack.has_all_answers() and probes.count() >= PROBES_WANTED

    attack.begin()
    probes = Probes(status)
    try:
        await until(is_over, "every client and every probe has had its answer", FOR_S + PATIENCE_S)
    finally:
        await asyncio.to_thread(probes.end)
        await attack.end()

    assert set(probes.found) == {(path, "200") for path in PROBED}, probes.found
    assert {name: {answer} for name, (_, answer) in HOSTILE.items()} == {
        name: set(found) for name, found in attack.answers.items()
    }
    assert max(dripping) >= min(DRIPPING, MOST_CONNECTIONS) <= max(sockets) < MOST_SOCKETS
    if FULL:
        assert sorted(probes.seconds)[len(probes.seconds) * 99 // 100] < 0.2
        assert max(attack.lives_s) < 10
