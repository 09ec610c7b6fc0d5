"""What `enqueue` checks and what it makes of it, before anything is sent."""

from __future__ import annotations

import datetime as dt
import json
import math

import attrs
import pytest

import jobframe
from jobframe.client.encoder import Encoder
from jobframe.core import jobtype
from jobframe.core.body import MAX_BYTES
from jobframe.core.errors import PayloadError, RestrictedField, UnknownJobType
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType, job
from jobframe.core.keyring import Keyring
from jobframe.core.policy import Policy
from jobframe.store.policies import InForce, document
from jobframe.store.seal import open_fields

IMPOSSIBLE = 10**6
RING = Keyring({"k1": b"1" * 32})


@attrs.frozen
class Page:
    number: int = 0
    note: str = ""


@attrs.frozen
class Account:
    name: str
    iban: str = jobframe.restricted(default="")


@attrs.frozen
class Restricted:
    number: int = 0
    note: str = jobframe.restricted(default="")


async def read(ctx, page: Page): ...
async def close(ctx): ...
async def pay(ctx, account: Account): ...
async def read_restricted(ctx, page: Restricted): ...


@pytest.fixture(autouse=True)
def own_types(monkeypatch):
    monkeypatch.setattr(jobtype, "_declared", {})


@pytest.fixture
def encoder() -> Encoder:
    """An encoder that was told of three types; this process has none of them."""
    encoder = Encoder()
    for made in (
        JobType("book.read", 1, read, {}),
        JobType("book.close", 3, close, {}),
        JobType("bank.pay", 1, pay, {}),
    ):
        encoder.known[made.name] = in_force(made)
    encoder.known["nobody.knows"] = None
    return encoder


@pytest.fixture
def with_key(encoder) -> Encoder:
    """The same, with a key."""
    sealing = Encoder(lambda: RING)
    sealing.known = encoder.known
    return sealing


def sealed_in(encoded) -> dict:
    return dict(json.loads(encoded.tail.partition(b"\n")[2]))


def opened(encoded) -> dict:
    kept = sealed_in(encoded)
    body = json.dumps(kept["body"]).encode()
    return dict(json.loads(open_fields(RING, encoded.type, encoded.unique, body, kept["sealed"])[0]))


def in_force(job_type: JobType, version: int = 7) -> InForce:
    return attrs.evolve(document(job_type, Policy(), "w1"), version=version)


def refusal(encoder, kind, type, payload=None, **options) -> str:
    with pytest.raises(kind) as refused:
        encoder.encode(NewJob(type, payload, **options))
    return str(refused.value)


def test_a_job_without_options_is_little_more_than_its_payload(encoder):
    encoded = encoder.encode(NewJob("book.read", {"number": 3}))

    assert ("book.read", "", 7) == (encoded.type, encoded.when, encoded.policy_version)
    assert b'\n{"body":{"number":3}}' == encoded.tail
    assert 20 == len(encoded.unique)
    assert encoded.unique != encoder.encode(NewJob("book.read")).unique


def test_every_option_has_its_place(encoder):
    encoded = encoder.encode(
        NewJob(
            "book.close",
            None,
            id="x",
            key="a b",
            delay="5s",
            priority="high",
            expires="1h",
            timeout="2m",
            max_retries=0,
            headers={"trace": "é"},
        )
    )

    assert ("x", "+5000") == (encoded.unique, encoded.when)
    options, _, envelope = encoded.tail.partition(b"\n")
    assert b";g;x3600000;p4;ka b" == options
    expected = '{"body":{},"version":3,"headers":{"trace":"é"},"timeout_ms":120000,"max_retries":0}'
    assert expected == envelope.decode()


@pytest.mark.parametrize("id", ["a:b", "book.read:a:b"])
def test_an_id_may_begin_with_its_type(encoder, id):
    assert "a:b" == encoder.encode(NewJob("book.read", id=id)).unique


def test_an_id_that_begins_with_another_type_is_taken_as_it_is(encoder):
    assert "book.close:a" == encoder.encode(NewJob("book.read", id="book.close:a")).unique


NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("options", "when"),
    [
        ({}, ""),
        ({"delay": "0s"}, ""),
        ({"delay": "1.5s"}, "+1500"),
        ({"delay": dt.timedelta(days=1)}, "+86400000"),
        ({"at": NOON}, "@1767355200000"),
        ({"at": NOON.astimezone(dt.timezone(dt.timedelta(hours=-5)))}, "@1767355200000"),
    ],
    ids=str,
)
def test_a_job_is_due_after_its_delay_or_at_its_time(encoder, options, when):
    assert when == encoder.encode(NewJob("book.read", **options)).when


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"delay": "1s", "at": NOON}, "give delay or at, not both"),
        ({"delay": 5}, 'delay: expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got 5'),
        ({"delay": dt.timedelta(seconds=-1)}, "delay: a delay cannot be negative"),
        ({"at": NOON.replace(tzinfo=None)}, "at: the datetime needs a time zone"),
        ({"at": 1_767_355_200}, "at: expected an aware datetime, got int"),
        ({"at": "tomorrow"}, "at: expected an aware datetime, got str"),
        ({"priority": "urgent"}, "priority: expected one of high, normal, low, got 'urgent'"),
        ({"expires": "0s"}, "expires: expected a duration longer than 0"),
        ({"expires": 60}, "expires: expected a duration such as"),
        ({"timeout": dt.timedelta(0)}, "timeout: expected a duration longer than 0"),
        ({"timeout": 60.0}, "timeout: expected a duration such as"),
        ({"max_retries": -1}, "max_retries: expected a whole number from 0 to 10000, got -1"),
        ({"max_retries": IMPOSSIBLE}, "max_retries: expected a whole number from 0 to 10000, got 1000000"),
        ({"max_retries": "3"}, "max_retries: expected a whole number from 0 to 10000, got '3'"),
        ({"id": ""}, "job id '': use 1 to 128 characters"),
        ({"id": "book.read:"}, "job id '': use 1 to 128 characters"),
        ({"id": "a b"}, "job id 'a b': use 1 to 128 characters"),
        ({"id": 7}, "id: expected a text, got 7"),
        ({"key": ""}, "key: expected 1 to 256 printable characters"),
        ({"key": "k" * 257}, "key: expected 1 to 256 printable characters"),
        ({"key": "a\n"}, "key: expected 1 to 256 printable characters"),
        ({"key": 7}, "key: expected 1 to 256 printable characters"),
        ({"headers": {"a": 1}}, "headers: expected a dict of strings, at most 4096 characters in all"),
        ({"headers": {1: "a"}}, "headers: expected a dict of strings"),
        ({"headers": {"a": "x" * 4096}}, "headers: expected a dict of strings"),
        ({"headers": ["a"]}, "headers: expected a dict of strings"),
    ],
    ids=str,
)
def test_an_impossible_option_is_refused_by_its_name(encoder, options, text):
    assert refusal(encoder, ValueError, "book.read", **options).startswith(text)


def test_headers_may_have_4096_characters(encoder):
    assert b"x" * 4095 in encoder.encode(NewJob("book.read", headers={"a": "x" * 4095})).tail


def test_no_headers_are_none(encoder):
    assert encoder.encode(NewJob("book.read", headers={})).tail == encoder.encode(NewJob("book.read")).tail


def test_the_class_of_this_process_is_stronger_than_the_announcement(encoder):
    made = job("book.read", version=2)(read)

    for name_or_type in ("book.read", made):
        assert b'"version":2' in encoder.encode(NewJob(name_or_type, Page(3))).tail
        assert "Expected `int`, got `str`" in refusal(encoder, PayloadError, name_or_type, {"number": "3"})


def test_a_type_of_this_process_needs_no_announcement(encoder):
    job("book.new")(close)
    encoder.known["book.new"] = None

    assert 0 == encoder.encode(NewJob("book.new")).policy_version


def test_by_announcement_unknown_fields_are_refused(encoder):
    assert b'{"body":{"note":"n"}}' in encoder.encode(NewJob("book.read", {"note": "n"})).tail
    problem = "payload of 'book.read': unknown field 'numbre': did you mean 'number'?"
    assert problem == refusal(encoder, PayloadError, "book.read", {"numbre": 3})
    problem = "payload of 'book.close': unknown field 'number': this type takes no fields"
    assert problem == refusal(encoder, PayloadError, "book.close", {"number": 3})
    assert "CANARY" not in refusal(encoder, PayloadError, "book.read", {"CANARY 1": 3})


def test_by_announcement_an_attrs_object_of_any_class_will_do(encoder):
    tail = encoder.encode(NewJob("book.read", Page(3))).tail

    assert {"body": {"number": 3, "note": ""}} == json.loads(tail)


@pytest.mark.parametrize("payload", [[], "text", 7, {1, 2}, Page])
def test_by_announcement_anything_else_is_refused(encoder, payload):
    problem = f"expected a dict, an attrs object or None, got {type(payload).__name__}"

    assert problem in refusal(encoder, PayloadError, "book.read", payload)


@pytest.mark.parametrize("declared_here", [True, False])
@pytest.mark.parametrize(
    ("note", "problem"),
    [
        (math.nan, "NaN and infinity are no numbers of JSON"),
        (object(), "Encoding objects of type object is unsupported"),
        ("x" * MAX_BYTES, f"bytes are over the limit of {MAX_BYTES}"),
    ],
    ids=["nan", "object", "large"],
)
def test_what_json_cannot_carry_is_refused_with_and_without_the_class(encoder, declared_here, note, problem):
    if declared_here:
        job("book.read")(read)

    assert problem in refusal(encoder, PayloadError, "book.read", {"note": note})


def test_restricted_fields_are_refused_by_announcement(encoder):
    assert "has restricted fields (iban)" in refusal(encoder, RestrictedField, "bank.pay", {"name": "n"})


def test_fields_that_the_policy_seals_are_refused_by_announcement(encoder):
    encoder.known["book.read"] = attrs.evolve(encoder.known["book.read"], policy=Policy(encrypt=("note",)))

    assert "has restricted fields (note)" in refusal(encoder, RestrictedField, "book.read", {"number": 1})


def test_restricted_fields_are_refused_by_the_class(encoder):
    made = job("bank.pay")(pay)
    encoder.known["bank.pay"] = None

    assert "has restricted fields (iban)" in refusal(encoder, RestrictedField, made, Account("n"))


def test_restricted_fields_are_refused_when_only_the_workers_class_has_them(encoder):
    job("bank.pay")(read)  # an older class of this process

    assert "has restricted fields (iban)" in refusal(encoder, RestrictedField, "bank.pay", {})


def test_with_a_key_restricted_fields_are_sealed_for_their_job(encoder, with_key):
    encoded = with_key.encode(NewJob("bank.pay", {"name": "n", "iban": "DE02"}, id="mine"))

    sealed = sealed_in(encoded)
    assert {"body": {"name": "n"}, "sealed": {"iban": sealed["sealed"]["iban"]}} == sealed
    assert "DE02" == opened(encoded)["iban"]
    assert "DE03" == opened(with_key.encode(NewJob("bank.pay", {"name": "n", "iban": "DE03"})))["iban"]
    assert {"name": "n", "iban": ""} == opened(with_key.encode(NewJob("bank.pay", Account("n"))))


def test_a_payload_without_the_fields_to_seal_has_nothing_sealed(with_key):
    assert b'\n{"body":{"name":"n"}}' == with_key.encode(NewJob("bank.pay", {"name": "n"})).tail


def test_a_job_that_has_an_id_already_is_sealed_for_that(with_key):
    encoded = with_key.encode(NewJob("bank.pay", {"name": "n", "iban": "DE02"}), "promised")

    assert "promised" == encoded.unique
    assert "DE02" == opened(encoded)["iban"]


@pytest.mark.parametrize("handler", [read, read_restricted])
def test_what_the_worker_the_class_here_and_the_policy_seal_is_sealed(with_key, handler):
    with_key.known["book.read"] = attrs.evolve(with_key.known["book.read"], policy=Policy(encrypt=("number",)))
    job("book.read")(handler)

    sealed = sealed_in(with_key.encode(NewJob("book.read", {"number": 7, "note": "mind"})))

    assert {"number"} | ({"note"} if handler is read_restricted else set()) == sealed["sealed"].keys()


def test_a_type_that_nobody_announced_is_sealed_as_its_author_says(with_key):
    made = job("film.pay", encrypt=["name"])(pay)
    with_key.known["film.pay"] = None

    assert {"name", "iban"} == sealed_in(with_key.encode(NewJob(made, {"name": "n", "iban": "DE02"})))["sealed"].keys()


def test_unknown_fields_of_an_attrs_object_are_refused_like_those_of_a_dict(encoder):
    assert "unknown field 'name'" in refusal(encoder, PayloadError, "book.read", Account("n"))


def test_an_unknown_type_is_refused_with_the_nearest_that_can_be_enqueued(encoder):
    encoder.known["book.raed"] = None

    assert "did you mean 'book.read'?" in refusal(encoder, UnknownJobType, "book.raed")
    assert "start a worker that has its plugin" in refusal(encoder, UnknownJobType, "nobody.knows")


def test_an_unknown_type_is_compared_with_the_types_of_this_process_too(encoder):
    job("film.watch")(close)
    encoder.known["film.wach"] = None

    assert "did you mean 'film.watch'?" in refusal(encoder, UnknownJobType, "film.wach")


@pytest.mark.parametrize("type", ["Book", 7, None, read])
def test_what_is_neither_a_name_nor_a_type_is_refused(encoder, type):
    assert "use lower-case words joined by dots" in refusal(encoder, ValueError, type)
