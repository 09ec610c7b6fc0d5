"""``docs/jobs-toml.md`` names every key that is read, with its default, and no other."""

from __future__ import annotations

import re
import typing

import attrs
import pytest

from jobframe.config import environment
from jobframe.config.schema import Config
from jobframe.config.written import written
from jobframe.core.backoff import Backoff
from jobframe.core.policy import KEYS, Policy
from jobframe.registry.loader import load
from tests.docs import pages

PAGE = pages.ROOT / "docs" / "jobs-toml.md"
TABLES = ("redis", "runtime", "status", "arq", "logging", "plugins")
SPELT_OUT = ("none", "[]", "{ ")
"""Defaults that the page says in words."""


def section(heading):
    """Return the part of the page under ``## heading``."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", pages.text(PAGE), re.MULTILINE | re.DOTALL)
    assert found, f"{PAGE} has no section {heading}"
    return found[1]


def documented(text):
    """Read the tables of *text*: key → its default as the page writes it."""
    cells = re.findall(r"^\| \[?`([a-z_.<>]+)`(?:\]\([^)]*\))? \| ([^|]*) \|", text, re.MULTILINE)
    return {key: default.replace(",", "").replace("`", "").strip() for key, default in cells}


def says(default, value):
    """Tell whether the page's *default* is *value* as jobs.toml writes it."""
    return value.startswith(SPELT_OUT) or default.startswith(value)


def test_every_key_of_a_type_is_described_with_its_default():
    found = documented(section("Jobs and defaults: the keys of a type").partition("###")[0])
    assert set(KEYS) == set(found)
    defaults = {key: written(attribute, getattr(Policy(), attribute)) for key, (attribute, _) in KEYS.items()}
    del defaults["run_in"]  # follows from the handler
    assert {} == {key: value for key, value in defaults.items() if not says(found[key], value)}


def test_every_part_of_a_backoff_is_described_with_its_default():
    found = documented(
        section("Jobs and defaults: the keys of a type").partition("### `backoff`")[2].partition("###")[0]
    )
    parts = [field.name for field in attrs.fields(Backoff)]
    defaults = {part.removesuffix("_ms"): written(part, getattr(Backoff(), part)) for part in parts}
    assert set(defaults) == set(found)
    assert {} == {key: value for key, value in defaults.items() if not says(found[key], value)}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_a_table_is_described_with_its_default(table):
    found = documented(section(table))
    fields = {field.name.removesuffix("_ms"): field for field in attrs.fields(type(getattr(Config(), table)))}
    assert set(fields) == set(found)
    fixed = {key: field for key, field in fields.items() if not hasattr(field.default, "factory")}
    defaults = {key: written(field.name, field.default) for key, field in fixed.items()}
    assert {} == {key: value for key, value in defaults.items() if not says(found[key], value)}


def test_every_setting_of_the_bundled_plugins_is_described():
    ours = {name: cls for name, cls in load().settings_classes().items() if cls.__module__.startswith("jobframe_")}
    expected = {f"{plugin}.{key}" for plugin, cls in ours.items() for key in _keys(cls)}
    assert expected == set(documented(section("settings")))


def _keys(cls):
    """Name every key of a settings class, those of its inner tables too."""
    for field in attrs.fields(cls):
        inner = [hint for hint in (field.type, *typing.get_args(field.type)) if attrs.has(hint)]
        if inner:
            yield from (f"{field.name}.<name>.{key}" for key in _keys(inner[0]))
        else:
            yield field.name


def test_every_environment_variable_is_described():
    variables = {getattr(environment, name) for name in environment.__all__ if name.isupper()}
    assert variables == set(re.findall(r"^\| `([A-Z_]+)` \|", section("Environment"), re.MULTILINE))
