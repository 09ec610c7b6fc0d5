"""``jobframe worker`` as a process of its own, with a plugin written for the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

WITHIN_S = 30

PLUGIN = """
import attrs, jobframe

@attrs.frozen
class Note:
    text: str

@jobframe.job("notes.write")
async def write(ctx: jobframe.Context, payload: Note) -> dict:
    return {"length": len(payload.text)}

@jobframe.job("notes.erase")
async def erase(ctx: jobframe.Context) -> None: ...

@jobframe.job("notes.fail", max_retries=0)
async def fail(ctx: jobframe.Context) -> None:
    raise jobframe.Fail("no such note")

@jobframe.hookimpl
def jobframe_job_types(): return [write, erase, fail]
"""


@pytest.fixture
def site(folder):
    """A plugin package that only the processes of this test find."""
    site = folder / "site"
    info = site / "acme_notes-1.2.dist-info"
    info.mkdir(parents=True)
    (site / "acme_notes.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-notes\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[jobframe.plugins]\nnotes = acme_notes\n")
    return site


@pytest.fixture
def jobframe(hands, site):
    """Run one command line in a process of its own; it finds the plugin and the server."""
    with open("jobs.toml", "a") as file:  # noqa: PTH123 - in the test's own folder
        file.write('[status]\nport = 0\n[plugins]\nallow = ["acme-notes"]\n')

    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "jobframe", *words],
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    return call


@contextmanager
def _worker(site, *words):
    process = subprocess.Popen(
        [sys.executable, "-m", "jobframe", "worker", *words],
        env={**os.environ, "PYTHONPATH": str(site)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _started(process):
    for line in process.stderr:
        if "worker started" in line:
            return
    raise AssertionError("the worker did not start")


def test_a_burst_runs_what_is_there_and_ends(jobframe, hands, cli_json):
    hands.announce("notes.write", "notes.erase", worker="another")
    job_id = jobframe("enqueue", "notes.write", "text=hello").stdout.strip()
    ended = jobframe("worker", "--burst")
    assert 0 == ended.returncode, ended.stderr
    assert {"length": 5} == cli_json("show", job_id, "--result")["result"]


def test_with_types_only_those_run(jobframe, cli_json):
    first = jobframe("enqueue", "notes.write", "text=hello").stdout.strip()
    second = jobframe("enqueue", "notes.erase").stdout.strip()
    ended = jobframe("worker", "--burst", "--type", "notes.erase")
    assert 0 == ended.returncode, ended.stderr
    assert ["waiting", "completed"] == [cli_json("show", job_id)["state"] for job_id in (first, second)]


@pytest.mark.parametrize("words", [[], ["--payload", "{}"], ["--payload", '{"text": 5}'], ["txet=hello"]])
def test_enqueue_checks_the_payload_of_an_installed_type_before_it_is_sent(jobframe, words):
    refused = jobframe("enqueue", "notes.write", *words)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert "text" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--type", "notes.wite"], 2, "did you mean 'notes.write'?"),
        (["--processes", "0"], 2, "0 is not in the range"),
    ],
)
def test_a_worker_that_cannot_start_says_why(jobframe, words, code, said):
    ended = jobframe("worker", *words)
    assert code == ended.returncode
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_jobs_toml_is_exit_code_3(jobframe, folder):
    with (folder / "jobs.toml").open("a") as file:
        file.write('[jobs."notes.write"]\ntimeout = 5\n')
    ended = jobframe("worker")
    assert 3 == ended.returncode
    assert 'jobs."notes.write".timeout: expected a duration' in ended.stderr


def test_a_server_that_does_not_answer_is_exit_code_4(jobframe, folder):
    text = (folder / "jobs.toml").read_text()
    (folder / "jobs.toml").write_text(text.replace("unix://", "unix:///nowhere"))
    ended = jobframe("worker")
    assert 4 == ended.returncode, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_broken_plugin_that_jobs_toml_needs_is_exit_code_5(jobframe, folder, site):
    (site / "acme_notes.py").write_text("raise RuntimeError('no good')")
    with (folder / "jobs.toml").open("a") as file:
        file.write('[jobs."notes.write"]\ntimeout = "5s"\n')
    ended = jobframe("worker")
    assert 5 == ended.returncode
    assert "RuntimeError: no good" in ended.stderr


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_signal_stops_one_worker_or_several_with_exit_code_0(jobframe, hands, site, cli_json, processes):
    with _worker(site, "--processes", processes) as process:
        _started(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WITHIN_S)
        assert 0 == process.returncode
    assert [] == cli_json("workers")


def test_wait_tells_how_a_job_ended(jobframe, hands, site):
    with _worker(site, "--no-status") as process:
        _started(process)
        good = jobframe("enqueue", "notes.write", "text=hello", "--wait")
        assert (0, '{\n  "length": 5\n}') == (good.returncode, good.stdout.partition("\n")[2].strip())
        bad = jobframe("enqueue", "notes.fail", "--wait")
        assert (1, True) == (bad.returncode, "failed: no such note" in bad.stderr)
