"""The JSON that producers with plain arq and jobframe's bridge speak to one another."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import pickle
import uuid

import attrs
import pytest

import jobframe
from jobframe.runtime.arq_codec import arq_dumps, arq_loads


@attrs.frozen
class Note:
    text: str
    cause: object = None


def test_what_json_can_say_comes_back_as_it_was():
    value = {"f": "reembed.document", "a": [1, 2.5, None, True], "k": {"naïve": "é✓", "deep": {"x": [{}]}}}

    assert value == arq_loads(arq_dumps(value))


def test_plain_json_and_the_codec_read_one_another():
    value = {"f": "t", "a": [], "k": {"n": 1}}

    assert value == json.loads(arq_dumps(value))
    assert value == arq_loads(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (dt.datetime(2025, 1, 2, 3, 4, tzinfo=dt.UTC), "2025-01-02T03:04:00Z"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Note("hi", ValueError("no")), {"text": "hi", "cause": {"__exc__": ["ValueError", "no"]}}),
        ((1, {2}), [1, [2]]),
    ],
)
def test_dates_ids_and_attrs_objects_take_their_usual_form(value, said):
    assert {"k": said} == json.loads(arq_dumps({"k": value}))


def test_an_exception_travels_as_its_type_and_message():
    assert {"r": {"__exc__": ["KeyError", "'x'"]}} == json.loads(arq_dumps({"r": KeyError("x")}))


def test_a_cancellation_comes_back_as_one():
    revived = arq_loads(arq_dumps({"r": asyncio.CancelledError("aborted")}))["r"]

    assert isinstance(revived, asyncio.CancelledError)
    assert ("aborted",) == revived.args


def test_a_failed_job_comes_back_with_its_data():
    revived = arq_loads(arq_dumps(jobframe.JobFailed("t:1", "exhausted: 4 of 4\nattempts failed")))

    assert isinstance(revived, jobframe.JobFailed)
    assert (revived.id, revived.reason) == ("t:1", "exhausted: 4 of 4\nattempts failed")


@pytest.mark.parametrize("name", ["ValueError", "SystemExit", "os.system", "builtins.eval", "JobNotFound"])
def test_no_other_class_is_ever_made(name):
    said = {"__exc__": [name, "message"]}

    assert {"r": said} == arq_loads(json.dumps({"r": said}).encode())


@pytest.mark.parametrize("said", [{"__exc__": ["CancelledError"]}, {"__exc__": "CancelledError"}, {"__exc__": [1, 2]}])
def test_a_payload_that_only_resembles_an_exception_stays_data(said):
    assert said == arq_loads(json.dumps(said).encode())


class Trap:
    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_bytes_are_refused_and_never_run(protocol):
    with pytest.raises(ValueError, match=r"."):
        arq_loads(pickle.dumps({"f": "t", "a": [Trap()]}, protocol))

    assert not Trap.sprung


@pytest.mark.parametrize("value", [object(), lambda: None])
def test_what_has_no_form_is_refused(value):
    with pytest.raises(TypeError):
        arq_dumps({"k": value})


def test_a_number_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"JSON"):
        arq_dumps({"k": float("nan")})
