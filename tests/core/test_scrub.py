"""No value of a payload stays in the text of an error."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobframe.core.scrub import describe, mask, scrub

CANARY = 'Ωcanary-7f3 "said" it\'s\tso'
NUMBER = 40_128_888
LONG = "canary" + "".join(f"{number:03}" for number in range(300))
NOTHING = b"{}"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def body_of(payload: object) -> bytes:
    return msgspec.json.encode(payload)


class Domain(Exception):
    """An error of some library."""


class Mute(Exception):
    """An error that cannot tell what it is."""

    def __str__(self) -> str:
        raise AttributeError(self)


def caught(function, *args) -> Exception:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is
        function(*args)
    return raised.value


PLACES = [
    lambda value: {"x": value},
    lambda value: {"x": [1, [value]]},
    lambda value: {"x": {"y": {"z": value}}},
    lambda value: {"x": [{"y": value}], "z": None, "b": True},
    lambda value: [value],
    lambda value: value,
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "write",
    [
        str,
        repr,
        ascii,
        json.dumps,
        lambda text: repr(text.encode()),
        lambda text: str(KeyError(text)),
        lambda text: f"({text!r}, 1)",
    ],
)
def test_a_text_is_masked_wherever_it_stands_and_however_it_is_written(place, write):
    scrubbed = scrub(f"before {write(CANARY)} after", body_of(place(CANARY)))

    assert "canary" not in scrubbed
    assert "said" not in scrubbed
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [NUMBER, -NUMBER, 40_128.25])
def test_a_number_is_masked_wherever_it_stands(place, value):
    scrubbed = scrub(f"no {value} here, nor {abs(value)}", body_of(place(value)))

    assert str(abs(value)) not in scrubbed
    assert 2 == scrubbed.count("[payload]")


def test_a_key_that_may_be_data_is_masked_and_a_fields_name_is_not():
    body = body_of({"document": {"ann@example.org": 1}})

    assert "'[payload]' is not in document" == scrub("'ann@example.org' is not in document", body)


@given(texts.filter(lambda text: len(" ".join(text.split())) > 2), texts, texts)
@example("payload", "", "")
@example("aaa", "aa", "a")
@example("a  b", "a b ", "")
def test_no_text_of_three_characters_comes_through(value, before, after):
    masked = scrub(before + value + after, body_of({"x": value}))

    assert not any(" ".join(value.split()) in part for part in masked.split("[payload]"))


@pytest.mark.parametrize("value", ["ab", 123, True, None, ""])
def test_what_is_too_short_to_tell_anything_stays(value):
    assert "ab 123 true None" == scrub("ab 123 true None", body_of({"x": value}))


def test_a_value_that_a_library_shortened_is_masked_in_pieces():
    numeric = caught(int, LONG)  # Python itself shows the first 200 characters
    error = f"input_value='{LONG[:25]}...{LONG[-25:]}'"

    assert "invalid literal for int() with base 10: '[payload]" == scrub(str(numeric), body_of({"x": LONG}))
    assert "input_value='[payload]...[payload]'" == scrub(error, body_of({"x": LONG}))


def test_values_within_values_are_masked_once():
    body = body_of({"a": "secret", "b": "payload", "c": "pay", "d": "secret payload"})

    assert "[payload] and [payload]" == scrub("secret payload and pay", body)


def test_a_text_is_one_line_of_at_most_500_characters():
    assert "a b c" == scrub(" a\n\n b\t c ", NOTHING)
    assert "x" * 499 + "…" == scrub("x" * 100_000, NOTHING)
    assert "x" * 500 == scrub("x" * 500, NOTHING)
    assert "" == scrub("", NOTHING)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_bytes_that_cannot_be_read_hide_nothing_and_harm_nothing(body):
    assert "as it is" == scrub("as it is", body)


def test_of_what_is_sealed_short_numbers_and_the_names_of_a_table_are_masked_too():
    secret = body_of(["hunter2", 123, {"ann": 4.5}, None, True])

    masked = scrub("hunter2 123 ann 4.5 12 True None", NOTHING, secret)

    assert "[payload] [payload] [payload] [payload] 12 True None" == masked
    assert ("ValueError", "[payload]") == describe(ValueError("hunter2"), NOTHING, secret)[:2]


def test_a_result_is_masked_wherever_it_holds_what_is_sealed():
    secret = body_of(["hunter2", 4711, {"card": CANARY}, [LONG], "two\nlines", False])
    result = {
        "plain": "nothing", "in": "a hunter2 b", "number": 4711, "negative": -4711, "other": 47110, "float": 4711.5,
        "hunter2": [CANARY, {"x": json.dumps(CANARY)}], "part": LONG[:20], "lines": "two\nlines",
        "flags": [True, False, None],
    }  # fmt: skip

    masked = msgspec.json.decode(mask(body_of(result), secret))

    assert masked == {
        "plain": "nothing", "in": "a [payload] b", "number": "[payload]", "negative": "[payload]", "other": 47110,
        "float": 4711.5, "[payload]": ["[payload]", {"x": '"[payload]"'}], "part": "[payload]", "lines": "[payload]",
        "flags": [True, False, None],
    }  # fmt: skip


@pytest.mark.parametrize("secret", [b"", b"[]", b'["ab", 12, true]', b"{"])
def test_a_result_stays_as_it_is_when_nothing_is_sealed_that_can_be_found(secret):
    assert b'{"ab": 12}' == mask(b'{"ab": 12}', secret)
    assert b"" == mask(b"", b'["hunter2"]')


def test_an_error_is_described_by_class_text_and_frames():
    def deeper(text):
        raise Domain(f"cannot read {text}")

    name, text, frames = describe(caught(deeper, CANARY), body_of({"x": CANARY}))

    assert (f"{__name__}.Domain", "cannot read [payload]") == (name, text)
    assert frames[-1].startswith("core/test_scrub.py:")
    assert frames[-1].endswith(" deeper")
    assert not any("raise" in frame or "canary" in frame for frame in frames)


def test_a_builtin_error_goes_without_its_module_and_one_never_raised_without_frames():
    assert ("KeyError", "'[payload]'", ()) == describe(KeyError(CANARY), body_of({"x": CANARY}))


def test_only_the_innermost_ten_frames_are_kept():
    def sink(depth):
        return sink(depth - 1) if depth else 1 / 0

    frames = describe(caught(sink, 30), NOTHING)[2]

    assert [" sink"] * 10 == [frame[frame.index(" ") :] for frame in frames]


def test_frames_of_code_without_a_file_are_named_all_the_same():
    code = compile("def canary():\n    raise ValueError\ncanary()", "<made here>", "exec")

    assert ("<made here>:3 <module>", "<made here>:2 canary") == describe(caught(exec, code, {}), NOTHING)[2][-2:]


def test_an_error_that_cannot_say_what_it_is_is_described_without_its_text():
    assert (f"{__name__}.Mute", "(its text cannot be made)", ()) == describe(Mute(), NOTHING)
