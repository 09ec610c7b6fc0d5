"""The strict shape of a payload."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.body import MAX_BYTES
from jobframe.core.errors import PayloadError
from jobframe.core.payload import Shape, restricted, restricted_fields

if TYPE_CHECKING:
    from decimal import Decimal

Item = TypeVar("Item")


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Size:
    width: int


@attrs.frozen
class Corner:
    left: int = 0


@attrs.frozen
class Box(Generic[Item]):
    item: Item


@attrs.frozen
class Everything:
    text: str
    when: dt.datetime
    colour: Colour
    size: Size
    corners: list[Corner]
    pair: tuple[int, Corner, Size]
    named: dict[str, Corner]
    boxed: Box[int]
    marked: Annotated[Corner, msgspec.Meta(description="where")]
    kinds: set[int] = attrs.field(factory=set)
    either: Corner | int | None = None
    word: Literal["a", "b"] = "a"
    share: float | None = None
    loose: Any = None


@attrs.frozen
class Converting:
    number: int = attrs.field(converter=int)


@attrs.frozen
class Private:
    _number: int = 0


@attrs.frozen
class Restricted:
    name: str
    iban: str = restricted(default="", metadata={"unit": "none"})


@attrs.define
class Bare:
    number = attrs.field()


@attrs.frozen
class Unresolved:
    price: Decimal


@attrs.frozen
class Chain:
    links: list[Chain] = attrs.field(factory=list)
    secret: str = restricted(default="")


def _explode(instance, attribute, value):
    raise LookupError(value)


@attrs.frozen
class Exploding:
    text: str = attrs.field(default="", validator=_explode)


@attrs.frozen
class Unhashable:
    groups: set[list[int]]


WHOLE = Everything(
    text="é",
    when=dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC),
    colour=Colour.RED,
    size=Size(3),
    corners=[Corner(1)],
    pair=(1, Corner(1), Size(2)),
    named={"a": Corner(2)},
    boxed=Box(7),
    marked=Corner(8),
    kinds={1, 2},
    either=Corner(9),
    loose={"x": [1]},
)
SHAPE = Shape("a.b", Everything)
EMPTY = Shape("a.c", None)
CORNER = Shape("a.d", Corner)


def refusal(call, *args) -> str:
    with pytest.raises(PayloadError) as refused:
        call(*args)
    return refused.value.problem


def one_field(annotation: Any) -> type:
    return attrs.make_class("Declared", {"x": attrs.field(type=annotation)})


def test_what_was_encoded_decodes_as_before():
    assert SHAPE.decode(SHAPE.encode(WHOLE)) == WHOLE


def test_a_dict_of_json_is_as_good_as_the_object():
    body = SHAPE.encode(WHOLE)

    assert body == SHAPE.encode(msgspec.json.decode(body))


def test_a_shape_knows_its_fields_in_order():
    assert tuple(field.name for field in attrs.fields(Everything)) == SHAPE.fields
    assert () == SHAPE.restricted


def test_no_payload_is_one_without_fields():
    assert b"{}" == EMPTY.encode(None) == EMPTY.encode({}) == CORNER.encode(None)
    assert EMPTY.decode(b"{}") is None
    assert Corner() == CORNER.decode(b"{}")


def test_a_type_without_fields_refuses_any():
    assert "unknown field 'left': this type takes no fields" == refusal(EMPTY.encode, {"left": 1})


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"left": "1"}, "Expected `int`, got `str` - at `$.left`"),
        ({"left": 1.5}, "Expected `int`, got `float` - at `$.left`"),
        ({"left": True}, "Expected `int`, got `bool` - at `$.left`"),
        ({"left": None}, "Expected `int`, got `null` - at `$.left`"),
        ({"lefd": 1}, "unknown field 'lefd': did you mean 'left'?"),
        ({"": 1}, "unknown field (no field name): known are left"),
        ([1], "Expected `object`, got `array`"),
        ("text", "Expected `object`, got `str`"),
        (7, "Expected `object`, got `int`"),
        ({"left": object()}, "Encoding objects of type object is unsupported"),
        ({"left": "\ud800"}, "a text that is no valid Unicode"),
        ({"left": float("nan")}, "NaN and infinity are no numbers of JSON"),
    ],
)
def test_what_does_not_fit_is_refused_by_field_and_type(payload, problem):
    assert problem == refusal(CORNER.encode, payload)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: [1, (n,)], lambda n: {"deep": [{"x": n}]}])
def test_nan_and_infinity_are_refused_wherever_null_would_fit(number, wrap):
    assert "NaN and infinity are no numbers of JSON" == refusal(SHAPE.encode, attrs.evolve(WHOLE, loose=wrap(number)))


def test_none_and_the_word_null_are_not_mistaken_for_nan():
    payload = attrs.evolve(WHOLE, share=None, loose=["null", 1.5, {2.5}])

    assert ["null", 1.5, [2.5]] == SHAPE.decode(SHAPE.encode(payload)).loose


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"corners": [{"lefd": 1}]}, "lefd"),
        ({"pair": [1, {"left": 1}, {"widht": 1}]}, "widht"),
        ({"pair": [1, {"width": 1}, {"width": 1}]}, "width"),
        ({"named": {"a": {"lefd": 1}}}, "lefd"),
        ({"boxed": {"itme": 1}}, "itme"),
        ({"marked": {"lefd": 1}}, "lefd"),
        ({"either": {"lefd": 1}}, "lefd"),
        ({"size": {"width": 1, "depth": 1}}, "depth"),
    ],
    ids=str,
)
def test_an_unknown_field_is_refused_at_any_depth(change, field):
    payload = msgspec.json.decode(SHAPE.encode(WHOLE)) | change

    assert f"unknown field '{field}'" in refusal(SHAPE.encode, payload)


@pytest.mark.parametrize("change", [{"pair": [1, {"left": 1}]}, {"pair": 5}, {"named": 5}, {"corners": 5}, {"size": 5}])
def test_where_another_kind_of_value_stands_the_decoder_says_so(change):
    payload = msgspec.json.decode(SHAPE.encode(WHOLE)) | change

    assert "Expected " in refusal(SHAPE.encode, payload)


def test_a_payload_may_have_256_kib_of_json_and_no_byte_more():
    shape = Shape("a.b", one_field(str))
    fits = "x" * (MAX_BYTES - len('{"x":""}'))

    assert MAX_BYTES == len(shape.encode({"x": fits}))
    assert f"{MAX_BYTES + 1} bytes are over the limit of {MAX_BYTES}" in refusal(shape.encode, {"x": fits + "x"})


def nested(depth: int) -> Any:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_nested_too_deeply_is_refused_both_ways():
    shape = Shape("a.b", one_field(Any))

    assert {"x": nested(50)} == attrs.asdict(shape.decode(shape.encode({"x": nested(50)})))
    assert "nested too deeply" == refusal(shape.encode, {"x": nested(100_000)})
    assert "nested too deeply" == refusal(shape.decode, b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


@given(st.text())
def test_a_refusal_never_repeats_a_text(text):
    problem = refusal(Shape("a.b", one_field(dt.datetime)).encode, {"x": f"CANARY {text}"})

    assert "CANARY" not in problem


def test_whatever_a_validator_raises_is_a_refusal_without_its_words():
    assert "refused by its class (LookupError)" == refusal(Shape("a.b", Exploding).encode, {"text": "CANARY"})


def test_a_value_that_its_collection_cannot_hold_is_a_refusal():
    assert "unhashable type" in refusal(Shape("a.b", Unhashable).decode, b'{"groups": [[1]]}')


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'{"left": 1} x', b"\xff", b'{"left": \xff}'])
def test_bytes_that_are_no_json_object_are_refused(body):
    refusal(CORNER.decode, body)


def test_restricted_fields_are_known_and_never_shown():
    shape = Shape("a.b", Restricted)

    assert (("name", "iban"), ("iban",)) == (shape.fields, shape.restricted)
    assert "unit" in attrs.fields(Restricted).iban.metadata
    assert "CANARY" not in repr(Restricted("n", "CANARY"))


def test_sealed_are_the_restricted_fields_and_those_that_the_policy_names():
    shape = Shape("a.b", Restricted)

    assert ("iban",) == shape.sealed(())
    assert ("name", "iban") == shape.sealed(("name", "of_another_type"))
    assert () == SHAPE.sealed(())
    assert () == restricted_fields(dict)


@pytest.mark.parametrize(
    ("cls", "problem"),
    [
        (Size, "Size is not an attrs class: decorate it with @attrs.frozen"),
        (Converting, "field number has a converter: the decoder would skip it"),
        (Private, "field _number is private: the decoder would skip it"),
        (Bare, "field number has no annotation"),
        (Unresolved, "Unresolved has an annotation that its module does not know: Decimal"),
        (Chain, "field Chain.secret is restricted: only the payload's own fields can be"),
        *[
            (one_field(annotation), "field x has a type that JSON cannot carry")
            for annotation in (object, complex, type, Corner | Private, dt.datetime | str, list[object], Unresolved)
        ],
        *[
            (one_field(wrap[inner]), f"field {inner.__name__}.{problem}")
            for wrap in (list, dict[str, Item], tuple[int, Item], Item | None, Box)  # type: ignore[valid-type] # generic
            for inner, problem in [
                (Converting, "number has a converter: the decoder would skip it"),
                (Private, "_number is private: the decoder would skip it"),
                (Restricted, "iban is restricted: only the payload's own fields can be"),
            ]
        ],
    ],
    ids=str,
)
def test_what_would_not_arrive_is_refused_when_it_is_declared(cls, problem):
    assert problem == refusal(Shape, "a.b", cls)


@attrs.frozen
class WithDefaults:
    needed: str
    plain: int = 3
    made: list[str] = attrs.field(factory=list)
    of_itself: str = attrs.field(default=attrs.Factory(lambda self: self.needed, takes_self=True))
    other: int = 4


def test_fields_that_may_be_left_out_have_a_default():
    shape = Shape("a.b", WithDefaults)

    assert {"plain": 3, "made": []} == shape.defaults(["needed", "plain", "made", "of_itself", "no_field"])
    assert {} == Shape("a.b", None).defaults(["plain"])
