"""``[settings.<plugin>]`` in the plugin's own class."""

from __future__ import annotations

import attrs
import pytest

import jobframe
from jobframe.config.reader import read
from jobframe.config.settings import structure, structure_all
from jobframe.core.errors import ConfigError


@attrs.frozen
class Source:
    url: str


@attrs.frozen
class Settings:
    sources: dict[str, Source] = attrs.field(factory=dict)
    batch: int = 1


def test_the_table_of_a_plugin_becomes_its_class(write):
    write('[settings.sync]\nbatch = 2\n[settings.sync.sources.docs]\nurl = "examples"')

    assert Settings({"docs": Source("examples")}, 2) == structure(read(None, {}), "sync", Settings)


def test_without_the_table_the_defaults_hold():
    assert Settings() == structure(read(None, {}), "sync", Settings)


def test_every_mistake_has_file_line_and_path(write):
    write(
        '[settings.sync.sources.docs]\nurll = "examples"\n[settings.sync]\nbatch = "2"\n[settings.sync.sources.more]\n'
    )

    with pytest.raises(ConfigError) as raised:
        structure(read(None, {}), "sync", Settings)

    assert [
        "jobs.toml:1: settings.sync.sources.docs.url: is missing",
        "jobs.toml:2: settings.sync.sources.docs.urll: unknown key 'urll': did you mean 'url'?",
        "jobs.toml:4: settings.sync.batch: expected a whole number, got text",
        "jobs.toml:5: settings.sync.sources.more.url: is missing",
    ] == str(raised.value).splitlines()


def test_the_settings_of_all_plugins_are_read_as_far_as_they_fit(write):
    write("[settings.a]\nbatch = 2\n[settings.b]\nurl = 1\n")

    settings, problems = structure_all(read(None, {}), {"a": Settings, "b": Source})

    assert settings == {Settings: Settings(batch=2)}
    assert ["jobs.toml:4: settings.b.url: expected text, got a whole number"] == list(map(str, problems))


def test_a_command_reads_its_settings_through_the_public_door(write):
    path = write("[settings.sync]\nbatch = 2\n").rename("other.toml")

    assert Settings(batch=2) == jobframe.settings("sync", Settings, config=path)
    assert Settings() == jobframe.settings("sync", Settings)
