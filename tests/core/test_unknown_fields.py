"""Unknown fields are refused at every depth, and no error repeats a value."""

from __future__ import annotations

import dataclasses

import attrs
import pytest

from jobframe.core.errors import PayloadError
from jobframe.core.payload import Shape


@dataclasses.dataclass
class Size:
    width: int


@attrs.frozen
class Node:
    name: str = attrs.field(default="a", validator=attrs.validators.matches_re("a+"))
    nodes: list[Node] = attrs.field(factory=list)
    sizes: dict[str, Size] | None = None


SHAPE = Shape("tree.node", Node)


def test_a_class_that_holds_itself_is_decoded():
    node = SHAPE.decode(b'{"nodes": [{"name": "aa"}], "sizes": {"big": {"width": 3}}}')

    assert Node(nodes=[Node("aa")], sizes={"big": Size(3)}) == node


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"nome": "a"}', "nome"),
        (b'{"nodes": [{"nodes": [{"nome": "a"}]}]}', "nome"),
        (b'{"sizes": {"big": {"width": 1, "depth": 2}}}', "depth"),
    ],
)
def test_an_unknown_field_is_refused_at_any_depth(body, field):
    with pytest.raises(PayloadError, match=f"unknown field '{field}'"):
        SHAPE.decode(body)


def test_a_name_that_may_be_data_is_not_repeated():
    with pytest.raises(PayloadError) as refused:
        SHAPE.decode(b'{"4012-8888 SECRET": 1}')

    assert "SECRET" not in str(refused.value)


def test_the_words_of_a_validator_are_not_repeated():
    with pytest.raises(PayloadError) as refused:
        SHAPE.encode({"name": "the secret's value"})

    assert "payload of 'tree.node': refused by a validator (ValueError)" == str(refused.value)
