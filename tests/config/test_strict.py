"""Strict reading into attrs classes: kinds, nesting, validators and converters."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal

import attrs
import pytest

from jobframe.config.strict import Invalid, structure


def positive(_instance, _field, value):
    if value <= 0:
        msg = "expected more than 0"
        raise ValueError(msg)


def megabytes(text):
    number, unit = text[:-2], text[-2:]
    if unit != "MB":
        msg = 'expected a size such as "20MB"'
        raise ValueError(msg)
    return int(number) * 1_000_000


class Colour(enum.StrEnum):
    RED = "red"


@attrs.frozen
class Source:
    url: str
    include: tuple[str, ...] = ("**/*",)
    max_delete: float = attrs.field(default=0.3, validator=positive)


@attrs.frozen
class Settings:
    count: int = attrs.field(default=1, validator=positive)
    flag: bool = False
    share: float = 0.5
    name: str | None = None
    wait_ms: int = attrs.field(default=1_000, validator=positive)
    limit_ms: int | None = None
    size: int = attrs.field(
        default="1MB",  # type: ignore[assignment] # the converter takes it
        converter=megabytes,
        validator=positive,
    )
    mode: Literal["fast", "safe"] = "safe"
    either: int | str = 1
    colour: Colour = Colour.RED
    words: list[str] = attrs.field(factory=list)
    sources: Mapping[str, Source] = attrs.field(factory=dict)


def mistakes_of(table, cls=Settings):
    with pytest.raises(Invalid) as raised:
        structure(table, cls)
    return raised.value.mistakes


def test_an_empty_table_is_all_defaults():
    assert Settings() == structure({}, Settings)


def test_every_kind_of_value_is_read():
    table = {
        "count": 2,
        "flag": True,
        "share": 1,
        "name": "n",
        "wait": "5s",
        "limit": "1m",
        "size": "2MB",
        "mode": "fast",
        "either": "text",
        "colour": "red",
        "words": ["a"],
        "sources": {"docs": {"url": "u", "include": ["x"], "max_delete": 0.1}},
    }

    assert Settings(
        count=2,
        flag=True,
        share=1.0,
        name="n",
        wait_ms=5_000,
        limit_ms=60_000,
        size="2MB",
        mode="fast",
        either="text",
        colour=Colour.RED,
        words=["a"],
        sources={"docs": Source("u", ("x",), 0.1)},
    ) == structure(table, Settings)
    assert structure({"share": 1}, Settings).share.__class__ is float


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("count", True, "expected a whole number, got true or false"),
        ("count", "12", "expected a whole number, got text"),
        ("count", 1.0, "expected a whole number, got a number"),
        ("flag", 1, "expected true or false, got a whole number"),
        ("share", True, "expected a number, got true or false"),
        ("share", "0.5", "expected a number, got text"),
        ("share", float("nan"), "expected a number, got a number that is not finite"),
        ("name", 1, "expected text, got a whole number"),
        ("mode", "quick", "expected one of fast, safe"),
        ("mode", 1, "expected one of fast, safe"),
        ("wait", 5, 'expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got 5'),
        ("wait", "0s", "expected more than 0"),
        ("words", "abc", "expected a list, got text"),
        ("words", {"a": 1}, "expected a list, got a table"),
        ("sources", [], "expected a table, got a list"),
        ("size", "2KB", 'expected a size such as "20MB"'),
        ("size", "0MB", "expected more than 0"),
    ],
)
def test_a_value_of_another_kind_or_range_is_refused_at_its_key(key, value, message):
    assert [((key,), message)] == mistakes_of({key: value})


def test_every_mistake_is_found_at_its_own_path():
    table = {
        "count": 0,
        "conut": 1,
        "wait_ms": 5,
        "words": ["a", 1, "b", 2],
        "sources": {"docs": {"urls": "u", "include": [1]}, "more": {"url": "u", "max_delete": -1}},
    }

    assert sorted(
        [
            (("count",), "expected more than 0"),
            (("conut",), "unknown key 'conut': did you mean 'count'?"),
            (("wait_ms",), "unknown key 'wait_ms': did you mean 'wait'?"),
            (("words", 1), "expected text, got a whole number"),
            (("words", 3), "expected text, got a whole number"),
            (("sources", "docs", "url"), "is missing"),
            (("sources", "docs", "urls"), "unknown key 'urls': did you mean 'url'?"),
            (("sources", "docs", "include", 0), "expected text, got a whole number"),
            (("sources", "more", "max_delete"), "expected more than 0"),
        ]
    ) == sorted(mistakes_of(table))


def test_a_value_in_place_of_the_table_is_refused():
    assert [((), "expected a table, got text")] == mistakes_of("text")


def test_a_validator_that_compares_fields_is_told_for_the_table():
    @attrs.frozen
    class Range:
        low: int
        high: int = attrs.field()

        @high.validator
        def _in_order(self, _field, value):
            if value < self.low:
                msg = "high is below low"
                raise ValueError(msg)

    assert Range(1, 2) == structure({"low": 1, "high": 2}, Range)
    assert [((), "high is below low")] == mistakes_of({"low": 2, "high": 1}, Range)


def test_no_message_made_here_shows_the_value():
    table = {"count": "hunter2", "mode": "hunter2", "words": "hunter2", "flag": "hunter2", "either": ["hunter2"]}

    assert "hunter2" not in str(mistakes_of(table))


def test_an_exception_without_words_is_told_by_its_class():
    def refuse(_instance, _field, _value):
        raise ValueError

    @attrs.frozen
    class Wordless:
        key: int = attrs.field(validator=refuse)

    assert [(("key",), "refused by Wordless (ValueError)")] == mistakes_of({"key": 1}, Wordless)
