"""The status server as a command, in a process of its own."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

WITHIN_S = 30


@contextmanager
def _serving():
    process = subprocess.Popen(
        [sys.executable, "-c", "from jobframe.cli.main import main; main()", "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _address(process):
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, line + process.stderr.read()
    return found[0]


def _metrics(address):
    parts = urlsplit(address)
    with closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=WITHIN_S)) as connection:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        assert 200 == answer.status
        return json.load(answer)


def test_serve_prints_its_address_answers_there_and_ends_on_a_signal(hands, folder):
    with (folder / "jobs.toml").open("a") as file:
        file.write("[status]\nport = 0\n")
    with _serving() as process:
        assert {"alive": 0, "stale": 0} == _metrics(_address(process))["workers"]
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(WITHIN_S)


def test_serve_without_a_url_starts_the_embedded_server_and_takes_it_down(folder):
    (folder / "jobs.toml").write_text("[status]\nport = 0\n")
    with _serving() as process:
        assert {} == _metrics(_address(process))["types"]
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(WITHIN_S)
    assert (folder / ".jobframe").is_dir()


def test_a_port_that_another_jobframe_serves_is_an_error_for_serve_alone(hands, folder):
    with (folder / "jobs.toml").open("a") as file:
        file.write("[status]\nport = 0\n")
    with _serving() as first:
        port = urlsplit(_address(first)).port
        text = (folder / "jobs.toml").read_text().replace("port = 0", f"port = {port}")
        (folder / "jobs.toml").write_text(text)
        with _serving() as second:
            _, err = second.communicate(timeout=WITHIN_S)
            assert 1 == second.returncode
            assert f"another jobframe serves on 127.0.0.1 port {port} already" in err
