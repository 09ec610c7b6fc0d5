"""What a job ended of, what it has in common with others, and which text finds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.fingerprint import Cause, cause, matches, same_for_all
from jobframe.core.job import AttemptError, JobInfo, State

LOST = AttemptError(1, 0, "w1", 5, "ConnectionError", "no route to 10.0.0.7:5432")
LATE = AttemptError(2, 0, "w1", 5, "TimeoutError", "")


def job(reason="", *errors, state=State.FAILED):
    return JobInfo(id="mail.send:a7", type="mail.send", state=state, reason=reason, errors=errors)


@pytest.mark.parametrize(
    ("message", "same"),
    [
        ("row 17 of 1,000", "row <n> of <n>"),
        ("-5 is below 3.25e-4", "<n> is below <n>"),
        ("at 0x7f3a01", "at <n>"),
        ("no job 6f1f1f2e-11aa-4c9e-8f00-aabbccddeeff", "no job <n>"),
        ("deadbeefcafe is gone", "<n> is gone"),
        ("late since 2026-01-31T09:05:00.123+00:00", "late since <n>"),
        ("""no 'a b' in "c" or `d`""", "no <text> in <text> or <text>"),
        ("can't read 'it'", "can't read <text>"),
        ("key='v' is taken", "key=<text> is taken"),
        ("/var/lib/x.txt:12: bad", "<path> bad"),
        ("C:\\temp\\x is full", "C:<path> is full"),
        ("GET https://example.org/a?b=c&d=1 failed with 503", "GET <path> failed with <n>"),
        ("cannot handle [payload]", "cannot handle [payload]"),
        ("nothing to see", "nothing to see"),
        ("", ""),
    ],
)
def test_values_are_made_equal_and_words_are_kept(message, same):
    assert same == same_for_all(message)


@given(st.text(st.characters(), max_size=2_000))
def test_any_text_has_a_short_form(text):
    assert len(same_for_all(text)) <= 200
    assert len(Cause("", text).fingerprint) == 8


def test_jobs_that_ended_of_the_same_share_a_fingerprint_and_no_others():
    prints = {
        Cause("ConnectionError", "no route to 10.0.0.7:5432").fingerprint,
        Cause("ConnectionError", "no route to 10.0.0.8:80").fingerprint,
    }
    others = {
        Cause("OSError", "no route to 10.0.0.7:5432").fingerprint,
        Cause("ConnectionError", "no way to 10.0.0.7:5432").fingerprint,
        Cause("", "ConnectionError").fingerprint,
    }
    assert (1, 3) == (len(prints), len(others))
    assert not prints & others


@pytest.mark.parametrize(
    "reason", ["", "exhausted: 2 of 2 attempts failed, the last with X", "fail_on: X", "not in retry_on: X"]
)
def test_a_reason_that_sums_up_the_history_stands_for_its_last_error(reason):
    assert Cause("TimeoutError", "") == cause(job(reason, LOST, LATE))


@pytest.mark.parametrize("reason", ["expired", "poison: its process died 3 times while it ran", "no such customer"])
def test_any_other_reason_stands_for_itself_whatever_went_wrong_before(reason):
    assert Cause("", reason) == cause(job(reason, LOST))


def test_a_job_that_nothing_happened_to_has_no_cause():
    assert cause(job(state=State.WAITING)) is None


@pytest.mark.parametrize(
    "text",
    [
        "mail.send:a",
        "a7",
        "mail",
        "no ROUTE",
        "connectionerror: no",
        "exhausted",
        Cause(LOST.error, LOST.message).fingerprint,
    ],
)
def test_a_job_is_found_by_the_beginning_of_its_id_by_its_error_text_and_by_its_fingerprint(text):
    assert matches(job("exhausted: 1 of 1 attempts failed", LOST), text)


@pytest.mark.parametrize("text", ["send", "A7", "8", "TimeoutError"])
def test_nothing_else_finds_it(text):
    assert not matches(job("exhausted: 1 of 1 attempts failed", LATE, LOST), text)


def test_a_job_with_no_error_is_found_by_its_id_alone():
    assert matches(job(state=State.WAITING), "a7")
    assert not matches(job(state=State.WAITING), "no route")


def test_a_cause_is_written_on_one_line():
    assert ["ConnectionError: x", "TimeoutError", "expired"] == [
        str(each) for each in (Cause("ConnectionError", "x"), Cause("TimeoutError", ""), Cause("", "expired"))
    ]
