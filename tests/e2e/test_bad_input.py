"""What users get wrong is told in a sentence and with the exit code of its kind, and no job is made of it."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    "command", [["up"], ["worker"], ["serve"], ["check"], ["config"], ["stats"], ["enqueue", "x"]], ids=" ".join
)
def test_a_jobs_toml_that_is_no_toml_is_told_with_its_line(deployment, command):
    (deployment.folder / "jobs.toml").write_text("[runtime]\nprocesses = 2\nmax_jobs = = 3\n")
    said = deployment.run(*command, code=3).stderr

    assert "error: " in said
    assert "jobs.toml:3" in said


def test_every_mistake_in_jobs_toml_is_told_at_once_with_line_and_nearest_right_name(deployment):
    (deployment.folder / "jobs.toml").write_text(
        '[runtime]\nmax_job = 3\n[jobs."reembed.documnet"]\nconcurrency = 1\n[jobs."ingest.document"]\ntimeout = 5\n'
    )
    for command in ("check", "worker", "up"):
        first, second, third = deployment.run(command, code=3).stderr.splitlines()[:3]

        assert "jobs.toml:2: runtime.max_job" in first
        assert "'max_jobs'" in first
        assert 'jobs.toml:3: jobs."reembed.documnet"' in second
        assert "'reembed.document'" in second
        assert 'jobs.toml:6: jobs."ingest.document".timeout: expected a duration' in third


REFUSED = [
    (["reembed.documnt", "document_id=1"], "did you mean 'reembed.document'?"),
    (["no.such.type"], "unknown job type 'no.such.type'"),
    (["reembed.document"], "document_id"),
    (["reembed.document", "document=1"], "'document_id'"),
    (["reembed.document", "--payload", '{"document_id": 7}'], "document_id"),
    (["ingest.delete", "document_id=x", "--payload", '{"version": ["x"]}'], "version"),
]
TOO_LARGE = json.dumps({"document_id": "x" * 262_144})


def test_a_job_that_cannot_run_is_refused_and_nothing_is_lost(busy):
    kept = busy.json("enqueue", "reembed.document", "document_id=1", "--delay", "1h")["id"]
    before = busy.json("stats")["jobs"]
    for words, said in REFUSED:
        assert said in busy.run("enqueue", *words, code=1).stderr
    for words in (["--payload", "{"], ["--payload", "[]"], ["document_id"]):
        busy.run("enqueue", "reembed.document", *words, code=2)
    assert "262144" in busy.run("enqueue", "reembed.document", "--payload", "-", code=1, stdin=TOO_LARGE).stderr

    assert before == busy.json("stats")["jobs"]
    assert "delayed" == busy.json("show", kept)["state"]


NEED_A_SERVER = [
    "enqueue reembed.document --payload {} ", "list", "show a:b", "cancel a:b", "retry a:b", "pause a", "resume a",
    "purge --state failed --yes", "stats", "workers", "check --store", "sync docs",
]  # fmt: skip


@pytest.mark.parametrize("command", NEED_A_SERVER)
def test_without_a_server_a_command_ends_with_exit_code_4_and_says_how_to_get_one(deployment, command):
    assert "jobframe up" in deployment.run(*command.split(), code=4).stderr


@pytest.mark.parametrize("command", ["up", "worker", "stats", "enqueue reembed.document document_id=1"])
def test_a_server_that_does_not_answer_is_exit_code_4_and_no_password_is_shown(deployment, command):
    deployment.configure('[redis]\nurl = "redis://jobs:swordfish@127.0.0.1:1/0"')
    said = deployment.run(*command.split(), code=4).stderr

    assert "127.0.0.1:1" in said
    assert "swordfish" not in said
