"""``jobframe up`` as a new user meets it: a process of its own, the sample documents, an embedded server."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "examples" / "docs"
WITHIN_S = 50
CONFIG = '[status]\nport = 0\n\n[settings.sync.sources.docs]\nurl = "docs"\n'


@pytest.fixture
def sample(folder):
    """The sample documents as docs/, and a jobs.toml that names them."""
    shutil.copytree(SAMPLE, folder / "docs")
    (folder / "jobs.toml").write_text(CONFIG)
    return folder


def _jobframe(*words):
    return subprocess.run(
        [sys.executable, "-m", "jobframe", *words], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def _embedded(text):
    return [int(count) for count in re.findall(r"^embedded +(\d+) chunks?$", text, re.MULTILINE)]


def _first_hits(text):
    return re.findall(r"^1\. (\S+)", text, re.MULTILINE)


def test_once_embeds_all_then_nothing_then_what_changed_and_again_on_a_second_run(sample):
    first = _jobframe("up", "--once")
    assert 0 == first.returncode, first.stdout + first.stderr
    everything, nothing, changed = _embedded(first.stdout)
    assert everything > 12
    assert (0, 1) == (nothing, changed)
    second = _jobframe("up", "--once")
    assert 0 == second.returncode, second.stdout + second.stderr
    assert [0, 0, 1] == _embedded(second.stdout)
    for run in (first, second):
        before, after = _first_hits(run.stdout)
        assert "light/fog-signal.md" == after != before
        assert re.search(r"^counts +active 0, waiting 0, failed 0, .*completed \d\d", run.stdout, re.MULTILINE)


def test_once_leaves_the_sources_as_they_are(sample):
    assert 0 == _jobframe("up", "--once").returncode
    for original in SAMPLE.rglob("*.*"):
        assert original.read_bytes() == (sample / "docs" / original.relative_to(SAMPLE)).read_bytes()


def test_once_fails_and_says_why_when_a_document_cannot_be_read(sample):
    (sample / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    ended = _jobframe("up", "--once")
    assert 1 == ended.returncode
    assert re.search(r"^failed +ingest\.document:", ended.stdout, re.MULTILINE)


def test_once_without_a_source_in_a_folder_here_names_the_cure(folder):
    (folder / "jobs.toml").write_text('[settings.sync.sources.web]\nurl = "https://example.invalid/"\n')
    ended = _jobframe("up", "--once")
    assert 3 == ended.returncode
    assert "add one, such as url = " in ended.stderr


def test_up_tells_what_it_does_and_stops_all_on_ctrl_c(sample):
    process = subprocess.Popen(
        [sys.executable, "-m", "jobframe", "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        told = []
        for line in process.stdout:
            told.append(line.split()[0])
            if re.match(r"counts .*completed", line):
                break
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(WITHIN_S), process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    assert ["python", "config", "server", "plugin"] == told[:4]
    assert ["types", "status", "worker", "enqueued", "counts"] == [topic for topic in told if topic != "plugin"][3:8]
    assert 4 == _jobframe("stats").returncode


def test_a_port_held_by_another_program_is_a_configuration_error(sample):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        (sample / "jobs.toml").write_text(CONFIG.replace("port = 0", f"port = {port}"))
        ended = _jobframe("up")
    assert 3 == ended.returncode
    assert f"port {port} on 127.0.0.1 is held by another program" in ended.stderr
