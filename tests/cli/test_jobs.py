"""Commands about single jobs, against a real server."""

from __future__ import annotations

import json

import pytest

from jobframe.core.job import AttemptError
from jobframe.core.outcome import Completed, Failed, Parked
from jobframe.core.progress import Progress
from jobframe.core.who import who
from jobframe.store.codec import Record
from jobframe.store.notes import encode_progress

SECRET = "4711-secret"


@pytest.fixture
def enqueue(hands, cli):
    hands.announce("doc.embed")

    def call(*words):
        code, out, err = cli("enqueue", "doc.embed", *words)
        assert 0 == code, err
        return out.strip()

    return call


def test_enqueue_prints_the_id_alone(enqueue):
    assert "doc.embed:one" == enqueue("document_id=42", "--id", "one")


def test_an_equal_job_is_told_and_its_id_printed(enqueue, cli):
    enqueue("--id", "one")
    code, out, err = cli("enqueue", "doc.embed", "--id", "one")
    assert (0, "doc.embed:one\n", True) == (code, out, "nothing was enqueued" in err)
    assert {
        "id": "doc.embed:one",
        "created": False,
    } == json.loads(cli("enqueue", "doc.embed", "--id", "one", "--json")[1])


def test_the_options_of_a_job_reach_the_queue(enqueue, cli_json):
    job_id = enqueue("--delay", "1h", "--key", "k", "--priority", "high", "--max-retries", "0", "--timeout", "5s")
    assert "delayed" == cli_json("show", job_id)["state"]
    assert job_id == enqueue("--key", "k")


def test_an_unknown_type_is_answered_with_the_nearest(hands, cli):
    hands.announce("doc.embed")
    code, out, err = cli("enqueue", "doc.embde")
    assert (1, "") == (code, out)
    assert "did you mean 'doc.embed'?" in err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--payload", f"{{{SECRET}"], "--payload is not JSON"),
        (["--payload", f'["{SECRET}"]'], "--payload must be a JSON object"),
        ([SECRET], "field 1 is not of the form key=value"),
        (["--delay", "soon"], "expected a duration"),
        (["--id", "no spaces"], "1 to 128 characters"),
    ],
)
def test_wrong_arguments_are_wrong_usage_and_payloads_stay_out_of_sight(hands, cli, words, complaint):
    hands.announce("doc.embed")
    code, out, err = cli("enqueue", "doc.embed", *words)
    assert (2, "") == (code, out)
    assert complaint in err
    assert SECRET not in err


def test_a_field_that_the_type_does_not_have_is_refused(hands, cli):
    hands.announce("doc.embed")
    code, _, err = cli("enqueue", "doc.embed", f"document={SECRET}")
    assert 1 == code
    assert "did you mean 'document_id'?" in err
    assert SECRET not in err


def test_wait_prints_the_result_of_a_job_that_completed(hands, enqueue, cli):
    job_id = enqueue("--id", "one")
    hands.work(Completed(b'{"chunks":3}'))
    code, out, _ = cli("enqueue", "doc.embed", "--id", "one", "--wait", "--json")
    assert 0 == code
    assert {"id": job_id, "created": False, "state": "completed", "result": {"chunks": 3}} == json.loads(out)


def test_wait_fails_when_the_job_fails(hands, enqueue, cli):
    enqueue("--id", "one")
    hands.work(Failed("broken document"))
    code, _, err = cli("enqueue", "doc.embed", "--id", "one", "--wait")
    assert (1, "error: job doc.embed:one failed: broken document") == (code, err.splitlines()[-1])


def test_list_pages_through_the_jobs_of_a_state(enqueue, cli_json):
    ids = {enqueue("--id", f"n{number}") for number in range(3)}
    first = cli_json("list", "--type", "doc.embed", "--state", "waiting", "--limit", "2")
    second = cli_json("list", "--type", "doc.embed", "--state", "waiting", "--limit", "2", "--cursor", first["cursor"])
    assert ids == {job["id"] for page in (first, second) for job in page["jobs"]}
    assert second["cursor"] is None


def test_list_shows_metadata_and_no_payload(enqueue, cli):
    job_id = enqueue(f"document_id={SECRET}")
    _, out, _ = cli("list")
    assert job_id in out
    assert "waiting" in out
    assert SECRET not in out + cli("list", "--json")[1]


def test_list_says_when_nothing_matches(hands, cli):
    hands.announce("doc.embed")
    assert (0, "No job matches.\n") == cli("list")[:2]


def test_a_cursor_that_is_none_is_wrong_usage(hands, cli):
    assert 2 == cli("list", "--cursor", "nonsense")[0]


def test_show_tells_the_attempts_of_a_failed_job(hands, enqueue, cli, cli_json):
    job_id = enqueue()
    error = AttemptError(1, 1_767_225_600_000, "w1", 12, "ValueError", "no text", ("doc.py:7 embed",))
    hands.work(Failed("exhausted"), Record(attempts=1, errors=(error,)).encode())
    document = cli_json("show", job_id)
    assert ("failed", "exhausted", 1) == (document["state"], document["reason"], document["attempts"])
    assert [
        {
            "attempt": 1,
            "at": "2026-01-01T00:00:00.000Z",
            "worker": "w1",
            "run_ms": 12,
            "error": "ValueError",
            "message": "no text",
            "trace": ["doc.py:7 embed"],
        }
    ] == document["errors"]
    text = cli("show", job_id)[1]
    assert "failed (exhausted)" in text
    assert "ValueError: no text" in text
    assert "doc.py:7 embed" in text


def test_show_tells_how_far_a_job_has_come_and_which_steps_are_done(hands, enqueue, cli, cli_json):
    job_id = enqueue()
    assert (None, []) == tuple(map(cli_json("show", job_id).get, ("progress", "steps")))
    hands.work(Failed("broken"), reached=encode_progress(Progress(40, 100, "\x1bpages")), steps=("charge", "mail"))

    document = cli_json("show", job_id)
    assert [40, 100, "\x1bpages"] == [document["progress"][key] for key in ("done", "total", "note")]
    assert document["progress"]["at"].endswith("Z")
    assert ["charge", "mail"] == document["steps"]
    text = cli("show", job_id)[1]
    assert "progress  40/100 \N{REPLACEMENT CHARACTER}pages (" in text
    assert "steps     charge, mail\n" in text


def test_show_prints_a_result_only_when_asked(hands, enqueue, cli, cli_json):
    job_id = enqueue()
    hands.work(Completed(f'"{SECRET}"'.encode()))
    assert "result" not in cli_json("show", job_id)
    assert SECRET not in cli("show", job_id)[1]
    assert SECRET == cli_json("show", job_id, "--result")["result"]


def test_a_job_that_does_not_exist_is_reported(hands, cli):
    code, _, err = cli("show", "doc.embed:none")
    assert (1, "error: no job 'doc.embed:none': it never existed, or its record is no longer kept\n") == (code, err)


def test_a_word_that_is_no_job_id_is_wrong_usage(hands, cli):
    assert 2 == cli("show", "none")[0]


def test_explain_tells_reasons_in_order(hands, enqueue, cli, cli_json):
    enqueue("--id", "one")
    enqueue("--id", "two")
    assert 0 == cli("pause", "doc.embed")[0]
    document = cli_json("explain", "doc.embed:two")
    assert ("doc.embed:two", "waiting") == (document["id"], document["state"])
    assert ["paused", "behind"] == [reason["code"] for reason in document["reasons"]]
    assert {"code", "text", "until", "held_by"} == set(document["reasons"][0])
    lines = cli("explain", "doc.embed:two")[1].splitlines()
    assert ["doc.embed:two is waiting", "- 1 job of its type is due before it"] == [lines[0], lines[2]]
    assert lines[1].startswith("- doc.embed was paused by ")


def test_explain_of_a_delayed_job_says_until_when(enqueue, cli_json):
    document = cli_json("explain", enqueue("--delay", "1h"))
    (reason,) = document["reasons"]
    assert ("not-due", []) == (reason["code"], reason["held_by"])
    assert cli_json("show", document["id"])["due_at"] == reason["until"]


def test_explain_of_a_job_that_does_not_exist_is_reported(hands, cli):
    assert 1 == cli("explain", "doc.embed:none")[0]
    assert 2 == cli("explain", "none")[0]


def test_cancel_ends_a_waiting_job(enqueue, cli, cli_json):
    job_id = enqueue()
    assert (0, f"cancelled {job_id}\n") == cli("cancel", job_id, "--reason", "mistake")[:2]
    document = cli_json("show", job_id)
    assert ("cancelled", "mistake") == (document["state"], document["reason"])


def test_cancel_of_an_ended_job_fails_and_says_how_it_ended(hands, enqueue, cli):
    job_id = enqueue("--id", "one")
    hands.work(Completed())
    code, _, err = cli("cancel", job_id)
    assert (1, f"error: {job_id} has already ended: it is completed\n") == (code, err)


def test_retry_queues_one_job_again(hands, enqueue, cli, cli_json):
    job_id = enqueue()
    hands.work(Failed("broken"))
    assert (0, "1 retried\n") == cli("retry", job_id)[:2]
    assert "waiting" == cli_json("show", job_id)["state"]


def test_retry_of_a_waiting_job_is_refused(enqueue, cli):
    code, _, err = cli("retry", enqueue())
    assert 1 == code
    assert "refused" in err


def test_retry_of_all_takes_the_type_and_state_asked_for(hands, enqueue, cli, cli_json):
    for number in range(3):
        enqueue("--id", f"n{number}")
        hands.work(Parked("too new") if number == 0 else Failed("broken"))
    assert (0, "2 would be retried\n") == cli("retry", "--type", "doc.embed", "--state", "failed", "--dry-run")[:2]
    assert 2 == cli_json("stats")["jobs"]["failed"]
    assert {
        "matched": 2,
        "retried": 2,
        "skipped": 0,
        "refused": [],
        "spread_ms": 0,
    } == cli_json("retry", "--type", "doc.embed", "--state", "failed")
    counts = cli_json("stats")["jobs"]
    assert (0, 1, 2) == (counts["failed"], counts["parked"], counts["waiting"])


def test_retry_names_the_job_whose_key_is_held_by_another(hands, enqueue, cli_json, cli):
    job_id = enqueue("--key", "k")
    hands.work(Failed("broken"))
    other = enqueue("--key", "k")
    code, out, _ = cli("retry", "--type", "doc.embed", "--state", "failed", "--json")
    (refusal,) = json.loads(out)["refused"]
    assert (1, job_id) == (code, refusal["id"])
    assert other in refusal["reason"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["a:b", "--type", "a", "--state", "failed"],
        ["--type", "a"],
        ["--state", "failed"],
        ["a:b", "--match", "x"],
        ["a:b", "--rate", "1/s"],
        ["--type", "a", "--state", "failed", "--rate", "1/w"],
        ["--type", "a", "--state", "failed", "--match", ""],
        ["--type", "a", "--state", "waiting"],
    ],
)
def test_retry_wants_either_an_id_or_type_and_state(hands, cli, words):
    assert 2 == cli("retry", *words)[0]


def failed(error, message):
    """End a job by that error."""
    record = Record(attempts=1, errors=(AttemptError(1, 0, "w1", 5, error, message),))
    return Failed(f"exhausted: 1 of 1 attempts failed, the last with {error}"), record.encode()


@pytest.fixture
def two_kinds(hands, enqueue):
    """Three jobs that failed for want of a route, one for a bad row."""
    for number, (error, message) in enumerate([("OSError", "no route to 10.0.0.{}")] * 3 + [("ValueError", "bad row")]):
        enqueue("--id", f"n{number}")
        hands.work(*failed(error, message.format(number)))


def test_failures_are_listed_by_what_they_have_in_common(two_kinds, cli, cli_json):
    document = cli_json("list", "--group")
    large, small = document.pop("groups")
    assert {"scanned": 4, "complete": True} == document
    assert {
        "fingerprint": cli_json("show", "doc.embed:n0")["fingerprint"],
        "error": "OSError",
        "message": "no route to 10.0.0.2",
        "count": 3,
        "types": ["doc.embed"],
        "first_at": cli_json("show", "doc.embed:n0")["finished_at"],
        "last_at": cli_json("show", "doc.embed:n2")["finished_at"],
        "newest": "doc.embed:n2",
    } == large
    assert ("ValueError", 1) == (small["error"], small["count"])
    _, out, _ = cli("list", "--group", "--state", "failed", "--type", "doc.embed")
    assert "OSError: no route to 10.0.0.2" in out
    assert large["fingerprint"] in out
    assert large["fingerprint"] in cli("show", "doc.embed:n1")[1]
    assert (0, "No job matches.\n") == cli("list", "--group", "--state", "parked")[:2]


def test_a_list_is_narrowed_to_what_matches(two_kinds, cli, cli_json):
    document = cli_json("list", "--match", "BAD ROW")
    assert (["doc.embed:n3"], 4, True) == (
        [job["id"] for job in document["jobs"]],
        document["scanned"],
        document["complete"],
    )
    assert ["doc.embed:n1"] == [job["id"] for job in cli_json("list", "--match", "n1")["jobs"]]
    assert "doc.embed:n3" not in cli("list", "--match", "no route")[1]


@pytest.mark.parametrize("words", [["--cursor", "x"], ["--state", "waiting"], ["--match", ""]])
def test_a_list_of_groups_takes_no_page_and_only_what_ended_badly(two_kinds, cli, words):
    assert 2 == cli("list", "--group", *words)[0]


def test_those_that_match_are_retried_at_a_rate_after_a_dry_run_has_counted_them(two_kinds, cli, cli_json):
    words = ("retry", "--type", "doc.embed", "--state", "failed", "--match", "no route", "--rate", "1/m")
    assert (0, "3 would be retried, the last 2m after the first\n") == cli(*words, "--dry-run")[:2]
    assert {"matched": 3, "retried": 0, "skipped": 0, "refused": [], "spread_ms": 120_000} == cli_json(
        *words, "--dry-run"
    )
    assert 4 == cli_json("stats")["jobs"]["failed"]
    assert (0, "3 retried, the last 2m after the first\n") == cli(*words)[:2]
    counts = cli_json("stats")["jobs"]
    assert (1, 1, 2) == (counts["failed"], counts["waiting"], counts["delayed"])
    shown = cli_json("show", "doc.embed:n0")
    assert (who(), 0, 1) == (shown["retried_by"], shown["attempts"], len(shown["errors"]))
    assert f"by {who()}" in cli("show", "doc.embed:n0")[1]
    assert None is cli_json("show", "doc.embed:n3")["retried_by"]


def test_purge_removes_those_that_match(two_kinds, cli, cli_json):
    words = ("purge", "--type", "doc.embed", "--state", "failed", "--match", "no route")
    assert (0, "3 would be removed\n") == cli(*words, "--dry-run")[:2]
    assert (0, "3 removed\n") == cli(*words, "--yes")[:2]
    assert ["doc.embed:n3"] == [job["id"] for job in cli_json("list")["jobs"]]
