"""What parsers say of themselves, for editors."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.duration import parse_ms
from jobframe.core.form import described, form_of, sentences, table, takes
from jobframe.core.policy import KEYS
from jobframe.core.rate import parse_rate


@attrs.frozen
class Box:
    """
    A box.

    Attributes:
        wide_ms: As *wide* as ``**``,
            None is not at all.
        plain: Nothing more.

    """

    wide_ms: int = 1
    plain: str = ""


@takes(type="integer", description="At least 1.")
def _wide(value: object) -> object:
    return value


def test_a_parser_keeps_what_it_takes_and_stays_what_it_was():
    assert 7 == _wide(7)
    assert {"type": "integer", "description": "At least 1."} == form_of(_wide)
    assert {} == form_of(str)


def test_a_table_has_its_keys_and_no_other_with_the_sentences_of_its_class():
    form = table({"wide": ("wide_ms", _wide), "plain": ("plain", str), "free": ("free", str)}, Box)
    assert {
        "wide": {"type": "integer", "description": "As `wide` as `**`, unset is not at all. At least 1."},
        "plain": {"description": "Nothing more."},
        "free": {},
    } == form["properties"]
    assert ("object", False) == (form["type"], form["additionalProperties"])


def test_a_form_is_not_changed_by_what_is_said_of_it():
    form = {"type": "string"}
    assert {"type": "string", "description": "A word."} == described(form, "A word.")
    assert {"type": "string"} == form


def test_a_class_without_a_docstring_says_nothing():
    assert {} == sentences(type("Bare", (), {}))


@pytest.mark.parametrize("key", KEYS)
def test_every_parser_of_a_key_says_what_it_takes(key):
    assert form_of(KEYS[key][1]), f"the parser of {key} needs @takes(...): the JSON Schema of jobs.toml is made of it"


def _keys_with(keyword):
    return [key for key, (_, parse) in KEYS.items() if keyword in form_of(parse)]


@pytest.mark.parametrize("key", _keys_with("maximum"))
def test_the_bounds_of_a_number_are_those_of_its_parser(key):
    parse = KEYS[key][1]
    low, high = form_of(parse)["minimum"], form_of(parse)["maximum"]
    assert (low, high) == (parse(low), parse(high))
    for outside in (low - 1, high + 1):
        with pytest.raises(ValueError, match="expected a"):
            parse(outside)


@pytest.mark.parametrize("key", _keys_with("enum"))
def test_each_word_of_a_choice_is_taken(key):
    parse = KEYS[key][1]
    assert form_of(parse)["enum"] == [parse(word) for word in form_of(parse)["enum"]]


_DIGITS = st.text("0123456789.", min_size=1, max_size=6)


@pytest.mark.parametrize("parse", [parse_ms, KEYS["timeout"][1], parse_rate], ids=["duration", "longer", "rate"])
@given(
    text=st.one_of(
        st.text(max_size=8),
        st.builds("{}{}{}".format, _DIGITS, st.sampled_from(["", "/"]), st.sampled_from(["ms", "s", "m", "h", "d"])),
    )
)
def test_whatever_a_parser_of_texts_takes_fits_its_pattern(parse, text):
    import re

    try:
        parse(text)
    except ValueError:
        return
    assert re.search(form_of(parse)["pattern"], text)
