"""A job's bytes: what is written is read again, what is damaged or too new says so and nothing else."""

import msgspec
import pytest

from jobframe.core.job import AttemptError
from jobframe.store.codec import (
    MAX_ERRORS_KEPT,
    Envelope,
    Exclusion,
    Options,
    Record,
    Unreadable,
    decode_payload,
    encode_tail,
    plain_tail,
)

STAMP = b"1764072000000"


def body(text):
    return msgspec.Raw(text)


@pytest.mark.parametrize(
    "options", [None, Options(), Options(given=True, expires_ms=5, priority="high", exclusion=Exclusion("a\tb;kc"))]
)
def test_an_envelope_comes_back_as_it_was_written(options):
    envelope = Envelope(body(b'{"n":1}'), version=3, headers={"a": "b"}, timeout_ms=7, max_retries=0)

    assert (1_764_072_000_000, envelope) == decode_payload(STAMP + encode_tail(envelope, options))


def test_the_short_way_writes_what_the_long_way_does():
    assert encode_tail(Envelope(body(b'{"n":1}'))) == plain_tail(b'{"n":1}')


def test_parts_of_an_envelope_that_are_absent_cost_nothing():
    assert b'\n{"body":{}}' == encode_tail(Envelope(body(b"{}")), Options())


def test_a_key_stands_last_because_it_may_hold_anything():
    assert (
        ";g;x5;p4;k;g;x9" == Options(given=True, expires_ms=5, priority="high", exclusion=Exclusion(";g;x9")).encode()
    )


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no digits at all",
        STAMP,
        STAMP + b"\n",
        STAMP + b"\nnot json",
        STAMP + b'\n{"v":1}',
        STAMP + b'\n{"body":{},"version":"1"}',
        STAMP + b'\n{"body":\xff}',
        STAMP + b"\n\x80\x04pickled",
        STAMP + b'\n{"body":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_damaged_bytes_are_unreadable_and_not_repeated(value):
    with pytest.raises(Unreadable, match=r"^unreadable: its bytes are no envelope of this program$"):
        decode_payload(value)


def test_an_envelope_of_a_newer_program_is_too_new():
    with pytest.raises(Unreadable, match=r"^too new: envelope version 2, this worker reads up to 1$"):
        decode_payload(STAMP + b'\n{"body":{},"v":2,"and":"more"}')


def errors(count):
    return tuple(AttemptError(n, n, "w", 1, "builtins.ValueError", 'a "text" ☃', ("a.py:1 f",)) for n in range(count))


@pytest.mark.parametrize("record", [Record(), Record(1, 2, 3, 4, errors(2))])
def test_a_record_comes_back_as_it_was_written(record):
    assert record == Record.decode(record.encode())


def test_no_record_is_an_empty_one():
    assert Record() == Record.decode(b"")


def test_a_record_keeps_the_newest_errors():
    kept = Record.decode(Record(errors=errors(MAX_ERRORS_KEPT + 5)).encode()).errors

    assert [*range(5, MAX_ERRORS_KEPT + 5)] == [error.attempt for error in kept]


@pytest.mark.parametrize("value", [b"1,2,3|[]", b"1,2,3,x|[]", b"1,2,3,4|[", b'1,2,3,4|[{"attempt":1}]', b"\xff"])
def test_a_damaged_record_is_unreadable(value):
    with pytest.raises(Unreadable, match=r"^unreadable: its record is damaged$"):
        Record.decode(value)
