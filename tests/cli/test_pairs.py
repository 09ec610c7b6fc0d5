"""How key=value words become a payload."""

from __future__ import annotations

import attrs
import pytest

import jobframe
from jobframe.cli.pairs import read_pairs


@attrs.frozen
class Fields:
    name: str = ""
    count: int = 0
    ratio: float = 0.0
    on: bool = False
    tags: list[str] = attrs.field(factory=list)
    maybe: int | None = None


@jobframe.job("pairs.read")
async def handler(ctx: jobframe.Context, payload: Fields) -> None: ...


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("name=42", {"name": "42"}),
        ("name=true", {"name": "true"}),
        ('name="quoted"', {"name": "quoted"}),
        ("name=a=b", {"name": "a=b"}),
        ("name=", {"name": ""}),
        ("count=42", {"count": 42}),
        ("count=many", {"count": "many"}),
        ("ratio=1", {"ratio": 1}),
        ("on=true", {"on": True}),
        ('tags=["a", "b"]', {"tags": ["a", "b"]}),
        ("maybe=null", {"maybe": None}),
        ("unknown=7", {"unknown": 7}),
    ],
)
def test_a_value_is_json_when_it_is_json_for_its_fields_type_else_text(pair, expected):
    assert expected == read_pairs([pair], handler)


@pytest.mark.parametrize(("pair", "expected"), [("a=42", {"a": 42}), ("a=x", {"a": "x"}), ("a=[1", {"a": "[1"})])
def test_without_the_class_any_json_is_json(pair, expected):
    assert expected == read_pairs([pair], None)


@pytest.mark.parametrize("words", [["secret"], ["=secret"], ["a=1", "a=secret"]])
def test_a_word_that_sets_no_field_of_its_own_is_refused_without_showing_it(words):
    with pytest.raises(ValueError, match="field") as refusal:
        read_pairs(words, handler)
    assert "secret" not in str(refusal.value)
