"""``jobframe check``: the file against the installed plugins, for people and for pipelines."""

from __future__ import annotations

import json
import re

import attrs
import pytest

from jobframe.config.check import check
from jobframe.config.reader import read
from jobframe.core.batch import Job
from jobframe.core.jobtype import JobType
from tests.docs import pages

CHECKERS = ("config/check.py", "config/check_policies.py", "config/findings.py", "config/room.py", "cli/check.py")
ROOM = "max_jobs = {}\nprocesses = {}\nthreads = 4\nchildren = 2\n"


async def in_loop(ctx):
    pass


def in_thread(ctx):
    pass


@attrs.frozen
class Payload:
    pass


async def together(jobs: list[Job[Payload]]):
    pass


TYPES = {
    "a.loop": JobType("a.loop", 1, in_loop, {}),
    "a.thread": JobType("a.thread", 1, in_thread, {}),
    "a.process": JobType("a.process", 1, in_loop, {"run_in": "process"}),
    "a.slow": JobType("a.slow", 1, in_thread, {"timeout": "10m"}),
    "a.once": JobType("a.once", 1, in_loop, {"max_retries": 0}),
    "a.batch": JobType("a.batch", 1, together, {"run_in": "process"}, batch=8),
}


@pytest.fixture
def warnings(tmp_path):
    """Warn about one type under a file."""

    def of(name, text, environ=()):
        path = tmp_path / "jobs.toml"
        path.write_text(text)
        report = check(read(path, dict(environ)), {name: TYPES[name]}, [])
        assert ((), ()) == (report.errors, report.broken)
        return [each for each in report.warnings if each.code != "inexact-limit"]

    return of


@pytest.mark.parametrize(
    ("name", "key", "fits", "room"),
    [
        ("a.loop", "per_worker", 10, "max_jobs = 10"),
        ("a.thread", "per_worker", 4, "threads = 4"),
        ("a.process", "per_worker", 2, "children = 2"),
        ("a.batch", "per_worker", 10, "max_jobs = 10"),
        ("a.loop", "concurrency", 30, "processes = 3, max_jobs = 10"),
        ("a.thread", "concurrency", 12, "processes = 3, threads = 4"),
        ("a.process", "concurrency", 6, "processes = 3, children = 2"),
    ],
)
def test_a_limit_above_the_room_of_the_workers_is_a_warning(warnings, name, key, fits, room):
    file = f'[runtime]\n{ROOM.format(10, 3)}[jobs."{name}"]\n{key} = '

    assert [] == warnings(name, f"{file}{fits}")
    (found,) = warnings(name, f"{file}{fits + 1}")

    assert ("over-the-pool", f'jobs."{name}".{key}', 7) == (found.code, found.path, found.line)
    assert f"room for {fits} of them ({room})" in found.message


def test_the_cores_of_this_machine_say_nothing_about_the_workers_machines(warnings):
    assert [] == warnings("a.process", '[jobs."a.process"]\nconcurrency = 90')


@pytest.mark.parametrize("name", ["a.loop", "a.thread"])
def test_a_default_time_above_the_grace_is_no_warning(warnings, name):
    assert [] == warnings(name, '[runtime]\ngrace = "1s"')


def test_a_thread_that_the_deployment_gave_longer_than_the_grace_is_a_warning(warnings):
    file = '[runtime]\ngrace = "30s"\n[jobs."a.thread"]\ntimeout = '

    assert [] == warnings("a.thread", f'{file}"30s"')
    assert [] == warnings("a.loop", file.replace("thread", "loop") + '"31s"')
    (found,) = warnings("a.thread", f'{file}"31s"')

    assert ("timeout-over-grace", 4) == (found.code, found.line)
    assert "a.thread: may take 31s, and a stopping worker waits 30s" in found.message


def test_a_time_that_the_author_chose_for_a_thread_is_no_warning(warnings):
    assert [] == warnings("a.slow", "")


def test_a_job_that_shall_run_once_and_may_outlast_the_grace_is_a_warning(warnings):
    (found,) = warnings("a.once", "")
    assert ("timeout-over-grace", 'jobs."a.once".timeout', "") == (found.code, found.path, found.file)
    assert "although max_retries = 0" in found.message
    assert [] == warnings("a.once", '[defaults]\ntimeout = "25s"')


def test_a_variable_is_named_as_the_place(warnings):
    (found,) = warnings("a.loop", "", {"JOBFRAME__JOBS__A_LOOP__PER_WORKER": "101"}.items())
    assert ("over-the-pool", "JOBFRAME__JOBS__A_LOOP__PER_WORKER") == (found.code, found.file)


def test_every_finding_is_json_with_code_severity_place_message_and_hint(folder, cli):
    (folder / "jobs.toml").write_text(
        '[defaults]\nmax_retrys = 3\n[jobs."maintenance.docter"]\ntimeout = "1m"\n[jobs."maintenance.doctor"]\n'
        'concurrency = "4"\nper_worker = 101\n[plugins]\ndisable = ["nothing"]\n[tables]\n[settings.nowhere]\n'
    )

    code, out, _ = cli("check", "--json")

    found = {each["code"]: each for each in json.loads(out)["problems"]}
    assert 3 == code
    assert {
        "unknown-key": ("error", 2),
        "unknown-type": ("error", 3),
        "invalid": ("error", 6),
        "over-the-pool": ("warning", 7),
        "unknown-table": ("error", 10),
    } == {code: (each["severity"], each["line"]) for code, each in found.items() if code != "unknown-plugin"}
    assert "did you mean 'max_retries'?" == found["unknown-key"]["hint"]
    assert "did you mean 'maintenance.doctor'?" == found["unknown-type"]["hint"]
    assert "" == found["invalid"]["hint"]
    assert {"code", "severity", "file", "line", "path", "message", "hint"} == set(found["invalid"])
    assert all(each["file"] == "jobs.toml" for each in found.values())


def test_warnings_are_exit_code_0_and_with_strict_3(folder, cli):
    (folder / "jobs.toml").write_text('[jobs."maintenance.doctor"]\nper_worker = 101\n')

    code, out, err = cli("check")
    assert (0, True, True) == (code, "jobs.toml: ok" in out, err.startswith("warning: jobs.toml:2: "))
    code, out, err = cli("check", "--strict")
    assert (3, "", "a worker would start, but --strict wants no warning either") == (code, out, err.splitlines()[-1])
    code, out, _ = cli("check", "--strict", "--json")
    assert (3, False) == (code, json.loads(out)["ok"])


def test_strict_finds_nothing_in_a_fitting_file(folder, cli):
    (folder / "jobs.toml").write_text('[jobs."maintenance.doctor"]\nper_worker = 100\n')
    assert 0 == cli("check", "--strict")[0]


def test_an_error_is_an_error_also_with_strict(folder, cli):
    (folder / "jobs.toml").write_text("[runtime]\nprocesses = true\n")
    code, _, err = cli("check", "--strict")
    assert (3, "1 problem stops the worker") == (code, err.splitlines()[-1])


def test_the_server_is_asked_also_when_the_file_has_a_warning(hands, folder, cli):
    with (folder / "jobs.toml").open("a") as file:
        file.write('[jobs."maintenance.doctor"]\nper_worker = 101\n')
    hands.announce("maintenance.doctor")

    found = json.loads(cli("check", "--store", "--strict", "--json")[1])["problems"]

    assert {"over-the-pool", "not-in-force", "server-persistence"} <= {each["code"] for each in found}


def test_every_code_is_described():
    sources = [(pages.ROOT / "jobframe" / path).read_text() for path in CHECKERS]
    used = {code for text in sources for code in re.findall(r'(?:code=f?|Misfit\("\w+", |message, )"([a-z-]+)', text)}
    unknown = {f"unknown-{what}" for what in ("key", "table", "type", "plugin")}
    table = pages.text(pages.ROOT / "docs" / "jobs-toml.md").partition("## What check finds")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    described = {code for cell in cells for code in re.findall(r"`([a-z-]+)`", cell)}
    assert used | unknown | {"invalid"} == described
