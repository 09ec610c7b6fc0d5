"""``docs/jobs-toml.md`` names every key that is read, with its default, and no other."""

from __future__ import annotations

import inspect
import re
import typing

import attrs
import pytest
import tomli

from jobframe.cli.explain import explain
from jobframe.client import explanation
from jobframe.config import environment, essentials
from jobframe.config.essentials import TABLES
from jobframe.config.schedules import ScheduleConfig
from jobframe.config.schema import Config
from jobframe.config.written import written
from jobframe.core.backoff import Backoff
from jobframe.core.job import State
from jobframe.core.policy import KEYS, Policy
from jobframe.core.unique import Unique
from jobframe.registry.loader import load
from tests.docs import pages

PAGE = pages.ROOT / "docs" / "jobs-toml.md"
OPERATING = pages.ROOT / "docs" / "operating.md"
OF_TYPES = "Jobs and defaults: the keys of a type"
CLASSES = {name: type(getattr(Config(), name)) for name in TABLES if attrs.has(type(getattr(Config(), name)))}
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


def examples(text):
    """Read every example of a jobs.toml in *text*."""
    return [tomli.loads(code) for code in re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def says(default, value):
    """Tell whether the page's *default* is *value* as jobs.toml writes it."""
    return value.startswith(SPELT_OUT) or default.startswith(value)


def test_every_key_of_a_type_is_described_with_its_default():
    found = documented(section(OF_TYPES).partition("###")[0])
    assert set(KEYS) == set(found)
    defaults = {key: written(attribute, getattr(Policy(), attribute)) for key, (attribute, _) in KEYS.items()}
    del defaults["run_in"]  # follows from the handler
    assert {} == {key: value for key, value in defaults.items() if not says(found[key], value)}


def test_every_part_of_a_backoff_is_described_with_its_default():
    found = documented(section(OF_TYPES).partition("### `backoff`")[2].partition("###")[0])
    parts = [field.name for field in attrs.fields(Backoff)]
    defaults = {part.removesuffix("_ms"): written(part, getattr(Backoff(), part)) for part in parts}
    assert set(defaults) == set(found)
    assert {} == {key: value for key, value in defaults.items() if not says(found[key], value)}


def test_every_part_of_unique_is_described():
    found = documented(section(OF_TYPES).partition("### `unique`")[2].partition("###")[0])
    assert [field.name.removesuffix("_ms") for field in attrs.fields(Unique)] == list(found)


def test_every_table_is_one_of_known_keys_or_has_a_test_of_its_own():
    assert {"defaults", "jobs", "resources", "schedules", "settings"} == set(TABLES) - CLASSES.keys()


@pytest.mark.parametrize("table", CLASSES)
def test_every_key_of_a_table_is_described_with_its_default(table):
    found = documented(section(table))
    fields = {field.name.removesuffix("_ms"): field for field in attrs.fields(CLASSES[table])}
    assert set(fields) == set(found)
    fixed = {key: field for key, field in fields.items() if not hasattr(field.default, "factory")}
    defaults = {key: written(field.name, field.default) for key, field in fixed.items()}
    assert {} == {key: value for key, value in defaults.items() if not says(found[key], value)}


@pytest.mark.parametrize("table", CLASSES)
def test_every_key_of_a_table_has_an_example(table):
    keys = {field.name.removesuffix("_ms") for field in attrs.fields(CLASSES[table])}
    assert set() == keys - {key for each in examples(section(table)) for key in each.get(table, {})}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_a_type_has_an_example_and_words_under_its_heading(key):
    heading = re.search(rf"^### .*`{key}`.*\n", section(OF_TYPES), re.MULTILINE)
    assert heading
    text = section(OF_TYPES)[heading.end() :].partition("\n### ")[0]
    tables = [table for each in examples(text) for table in (each.get("defaults", {}), *each.get("jobs", {}).values())]
    assert key in {name for table in tables for name in table}
    assert pages.without_blocks(text).strip()


def test_every_key_of_a_schedule_is_described_with_its_default_and_an_example_under_its_heading():
    text = section("schedules")
    fields = {field.name.removesuffix("_ms"): field for field in attrs.fields(ScheduleConfig)}
    found = documented(text.partition("###")[0])
    assert set(fields) == set(found)
    for key in ("overlap", "misfire"):
        assert found[key] == written(key, fields[key].default)
    for key in fields:
        heading = re.search(rf"^### .*`{key}`.*\n", text, re.MULTILINE)
        assert heading, key
        below = text[heading.end() :].partition("\n### ")[0]
        tables = [table for each in examples(below) for table in each["schedules"].values()]
        assert key in {name for table in tables for name in table}
        assert pages.without_blocks(below).strip()


def test_every_code_of_an_explanation_is_described():
    codes = set(re.findall(r'Reason\(\s*"([a-z-]+)"', inspect.getsource(explanation)))
    ends = {str(state) for state in (State.COMPLETED, State.FAILED, State.CANCELLED, State.PARKED)}
    table = pages.text(OPERATING).partition("### Why a job does not run")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", table, re.MULTILINE)
    assert codes | ends == {code for cell in cells for code in re.findall(r"[a-z-]+", cell)} - {"code"}
    (listed,) = re.findall(r"code\s+is (.*?), or the state", explain.help or "", re.DOTALL)
    assert codes == set(re.split(r",\s+", listed))


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
    variables = {
        essentials.CONFIG,
        essentials.REDIS_URL,
        essentials.KEYS_ENV,
        environment.STRATEGY,
        environment.MAX_RETRIES,
    }
    assert variables == set(re.findall(r"^\| `([A-Z_]+)` \|", section("Environment"), re.MULTILINE))
