"""Commands about whole queues and the fleet, against a real server."""

from __future__ import annotations

import io
import signal
import subprocess
import sys

import pytest

from jobframe.core.outcome import Completed, Failed


def test_pause_and_resume_are_seen_in_stats_and_types(hands, cli, cli_json):
    hands.announce("doc.embed")
    assert 0 == cli("pause", "doc.embed")[0]
    assert cli_json("stats")["types"]["doc.embed"]["paused"] is True
    assert "paused" in cli("stats")[1]
    assert [each["paused"] for each in cli_json("types") if each["type"] == "doc.embed"] == [True]
    assert 0 == cli("resume", "doc.embed")[0]
    assert cli_json("stats")["types"]["doc.embed"]["paused"] is False


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_type_that_nobody_announced_cannot_be_paused(hands, cli, command):
    hands.announce("doc.embed")
    code, _, err = cli(command, "doc.embad")
    assert 1 == code
    assert "did you mean 'doc.embed'?" in err


def test_stats_count_per_type_and_in_all(hands, cli, cli_json):
    hands.announce("doc.embed", "doc.ingest")
    for name in ("doc.embed", "doc.ingest"):
        cli("enqueue", name)
    hands.work(Completed())
    document = cli_json("stats")
    assert (1, 1) == (document["jobs"]["waiting"], document["jobs"]["completed"])
    assert {"alive": 1, "stale": 0} == document["workers"]
    lines = cli("stats")[1].splitlines()
    assert ["TYPE", "ACTIVE", "WAITING"] == lines[0].split()[:3]
    assert ["doc.embed", "doc.ingest"] == [line.split()[0] for line in lines[1:]]


def test_stats_of_an_empty_namespace_say_what_to_do(hands, cli):
    assert "start a worker" in cli("stats")[1]


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_ctrl_c_ends_watching_the_stats_without_a_complaint(hands, words):
    hands.announce("doc.embed")
    watching = [sys.executable, "-m", "jobframe", "stats", "--watch", *words]
    with subprocess.Popen(watching, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert (0, "") == (process.returncode, complaint)


def test_workers_are_listed_with_what_they_run(hands, cli, cli_json):
    hands.announce("doc.embed")
    (worker,) = cli_json("workers")
    assert (
        "w1",
        "alive",
        ["doc.embed"],
        10,
    ) == (worker["worker"], worker["state"], worker["types"], worker["max_jobs"])
    assert "1970-01-01T00:00:00.005Z" == worker["started_at"]
    assert "w1" in cli("workers")[1]


def test_of_a_worker_of_many_types_the_table_names_the_first_and_counts_the_rest(hands, cli, cli_json):
    names = [f"doc.t{number}" for number in range(6)]
    hands.announce(*names)
    (worker,) = cli_json("workers")
    assert names == worker["types"]
    assert "doc.t0, doc.t1, doc.t2, doc.t3 and 2 more" in cli("workers")[1]


def test_no_worker_is_said_in_words(hands, cli):
    assert "No worker is registered" in cli("workers")[1]


@pytest.mark.parametrize(
    "words", [["stats"], ["list"], ["workers"], ["show", "a:b"], ["enqueue", "a"], ["pause", "a"], ["check", "--store"]]
)
def test_without_a_server_the_exit_code_is_4_and_the_cure_is_named(folder, cli, words):
    code, out, err = cli(*words)
    assert (4, "") == (code, out)
    assert "no server in .jobframe: start `jobframe up`" in err
    assert "Traceback" not in err


def test_a_server_that_does_not_answer_is_exit_code_4(folder, cli):
    (folder / "jobs.toml").write_text('[redis]\nurl = "redis://127.0.0.1:1/0"\n')
    code, _, err = cli("stats")
    assert 4 == code
    assert err.startswith("error: ")


def test_types_do_without_a_server(folder, cli_json):
    assert all(each["workers"] is None for each in cli_json("types"))


def test_types_list_what_workers_announced_and_nobody_installed(hands, cli_json):
    hands.announce("elsewhere.only")
    (found,) = (each for each in cli_json("types") if each["type"] == "elsewhere.only")
    assert {
        "type": "elsewhere.only",
        "version": 1,
        "distribution": None,
        "run_in": None,
        "fields": ["document_id", "count"],
        "restricted": [],
        "workers": 1,
        "paused": False,
    } == found


def test_purge_counts_first_and_removes_what_it_counted(hands, cli, cli_json):
    hands.announce("doc.embed")
    for _ in range(2):
        cli("enqueue", "doc.embed")
        hands.work(Failed("broken"))
    words = ("purge", "--state", "failed", "--type", "doc.embed")
    assert (0, "2 would be removed\n") == cli(*words, "--dry-run")[:2]
    assert (0, "0 would be removed\n") == cli(*words, "--older-than", "1d", "--dry-run")[:2]
    assert 2 == cli_json("stats")["jobs"]["failed"]
    assert (0, "2 removed\n") == cli(*words, "--yes")[:2]
    assert 0 == cli_json("stats")["jobs"]["failed"]


def test_purge_removes_nothing_when_nobody_can_be_asked(hands, cli, cli_json, monkeypatch):
    hands.announce("doc.embed")
    cli("enqueue", "doc.embed")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = cli("purge", "--state", "waiting")
    assert 2 == code
    assert "--yes removes without asking" in err
    assert 1 == cli_json("stats")["jobs"]["waiting"]


def test_active_jobs_cannot_be_purged(hands, cli):
    assert 2 == cli("purge", "--state", "active", "--yes")[0]
