"""``jobframe schema``: an editor knows every key that the reader knows, and no other."""

from __future__ import annotations

import json
import re
import tomllib

import attrs
import jsonschema
import pytest

from jobframe.config import schema as tables
from jobframe.config.essentials import TABLES
from jobframe.config.json_schema import json_schema
from jobframe.config.reader import examine
from jobframe.config.schema import Config
from jobframe.core.errors import ConfigError
from jobframe.core.form import form_of
from jobframe.core.policy import KEYS
from jobframe.registry.loader import load
from tests.docs import pages


@pytest.fixture(scope="module")
def schema():
    registry = load()
    return json_schema(registry.catalog.types, registry.settings_classes())


@pytest.fixture(scope="module")
def fits(schema):
    """Tell whether a jobs.toml fits the schema."""
    jsonschema.Draft7Validator.check_schema(schema)
    return lambda text: jsonschema.Draft7Validator(schema).is_valid(tomllib.loads(text))


def objects(form, path=()):
    """Find every object of a schema, with the way to it."""
    if isinstance(form, dict):
        if form.get("type") == "object":
            yield path, form
        for key, part in form.items():
            yield from objects(part, (*path, key))
    elif isinstance(form, list):
        for index, part in enumerate(form):
            yield from objects(part, (*path, index))


def test_the_schema_has_every_table_and_every_key_that_the_reader_knows(schema):
    assert list(TABLES) == list(schema["properties"])
    assert list(KEYS) == list(schema["definitions"]["policy"]["properties"])
    for name in TABLES:
        cls = type(getattr(Config(), name))
        if attrs.has(cls):
            keys = [field.name.removesuffix("_ms") for field in attrs.fields(cls)]
            assert keys == list(schema["properties"][name]["properties"]), name


def problems_of(path, text):
    path.write_text(text)
    try:
        return examine(path, {})[1]
    except ConfigError as error:  # of [plugins]
        return error.problems


@pytest.mark.parametrize("table", sorted({*TABLES} - {"jobs", "resources", "settings"}))
def test_the_reader_knows_every_key_of_the_schema(schema, tmp_path, table):
    described = schema["properties"][table]
    keys = (schema["definitions"]["policy"] if table == "defaults" else described)["properties"]
    found = problems_of(tmp_path / "jobs.toml", "\n".join([f"[{table}]", *(f"{key} = 1979-05-27" for key in keys)]))
    assert set(keys) == {problem.path.removeprefix(f"{table}.") for problem in found}
    assert [] == [problem for problem in found if "unknown key" in problem.message]


def test_every_validator_of_a_table_says_what_it_takes():
    classes = [value for value in vars(tables).values() if isinstance(value, type) and attrs.has(value)]
    silent = [
        f"{cls.__name__}.{field.name}"
        for cls in classes
        for field in attrs.fields(cls)
        if field.validator is not None and not form_of(field.validator)
    ]
    assert [] == silent, "give the validators @takes(...)"


def test_every_key_has_a_sentence(schema):
    silent = [
        (*path, key)
        for path, form in objects(schema)
        for key, part in form.get("properties", {}).items()
        if not part.get("description") and "properties" not in part
    ]
    assert [] == silent


def test_only_maps_take_keys_of_any_name(schema):
    open_ones = {path for path, form in objects(schema) if form.get("additionalProperties") is not False}
    assert {
        ("properties", "jobs"),
        ("properties", "schedules"),
        ("properties", "schedules", "additionalProperties", "properties", "payload"),
        ("properties", "resources"),
        ("properties", "settings"),
        ("properties", "settings", "additionalProperties"),
        ("properties", "settings", "properties", "sync", "properties", "sources"),
    } == open_ones


def test_a_default_fits_its_own_key(schema):
    for _, form in objects(schema):
        for part in form.get("properties", {}).values():
            if "default" in part:
                jsonschema.validate(part["default"], part)


@pytest.mark.parametrize("block", [each for each in pages.blocks("toml") if "[project" not in each.code], ids=str)
def test_every_example_of_the_documentation_fits(fits, block):
    assert fits(block.code)


def test_the_jobs_toml_of_this_repository_fits(fits):
    assert fits((pages.ROOT / "jobs.toml").read_text())


RIGHT = [
    '[jobs."not.installed"]\ntimeout = "5m"',
    "[settings.not_installed]\nanything = 1",
    '[defaults]\nbackoff = "linear"\nrate_limit = "9999999/d"\ntimeout = "0.5s"\nkeep_result = "0s"',
    '[jobs."reembed.document".backoff]\nstrategy = "fixed"\nbase = "1.5s"',
    '[redis]\nurl = "redis://h"\nnamespace = "a.b-c_d"',
    '[schedules.nightly]\njob = "not.installed"\ncron = "0 2 * * *"\ntz = "UTC"\npayload = { any = [1] }',
    '[schedules."a.b"]\njob = "sync.source"\nevery = "15m"\noverlap = "queue-one"\nmisfire = "once"',
    '[defaults]\nunique = { window = "until-done" }\n[jobs."a.b".unique]\nby = []\nwindow = "10m"\nmode = "replace"',
    '[resources]\ngpu = 2\n[defaults]\nuses = ["gpu:1", "licence"]',
    '[defaults]\ngroup = { by = "tenant", concurrency = 2 }',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_reader_takes_fits(fits, text, tmp_path):
    (tmp_path / "jobs.toml").write_text(text)
    assert () == examine(tmp_path / "jobs.toml", {})[1]
    assert fits(text)


WRONG = [
    "[runtme]",
    "[runtime]\nprocesses = true",
    'runtime = "fast"',
    "[runtime]\nprocesses = 0",
    "[runtime]\ngrace = 25",
    '[runtime]\npolicy = "aply"',
    '[redis]\nnamespace = "a b"',
    '[redis]\nurl = ""',
    "[status]\nport = 65536",
    '[logging]\nlevel = "info"',
    "[defaults]\nmax_retry = 3",
    '[defaults]\nconcurrency = "4"',
    "[defaults]\nconcurrency = 0",
    '[defaults]\ntimeout = "0s"',
    '[defaults]\ntimeout = "0.0h"',
    '[defaults]\ntimeout = "5 m"',
    '[defaults]\nrate_limit = "100 per minute"',
    '[defaults]\nrate_limit = "0/s"',
    '[defaults]\npriority = "urgent"',
    '[defaults]\nretry_on = "OSError"',
    '[defaults]\nretry_on = [""]',
    '[defaults]\nbackoff = "quadratic"',
    "[defaults]\nbackoff = { factor = 0.5 }",
    '[defaults]\nbackoff = { bse = "1s" }',
    '[defaults]\nunique = "document_id"',
    '[defaults]\nunique = { by = "document_id" }',
    '[defaults]\nunique = { window = "0s" }',
    '[defaults]\nunique = { window = "for-ever" }',
    '[defaults]\nunique = { modes = "replace" }',
    '[defaults]\nuses = "gpu:1"',
    '[defaults]\nuses = ["gpu:0"]',
    '[defaults]\ngroup = { by = "tenant" }',
    '[defaults]\ngroup = { by = "a.b", concurrency = 2 }',
    '[defaults]\ngroup = { by = "tenant", concurrency = 0 }',
    '[defaults]\ngroup = { by = "tenant", concurrency = 2, limit = 3 }',
    '[defaults]\ngroup = "tenant"',
    "[resources]\ngpu = 0",
    '[resources]\ngpu = "2"',
    '[resources]\n"GPU 1" = 2',
    "[jobs.reembed.document]\nconcurrency = 4",
    '[jobs."reembed.document"]\nkeep_failed = 30',
    '[jobs."not.installed"]\nmax_retrys = 3',
    "jobs = 1",
    "[settings]\nsync = 1",
    '[schedules.nightly]\nevery = "15m"',
    '[schedules.nightly]\njob = "sync.source"\nevery = 15',
    '[schedules.nightly]\njob = "sync.source"\ncron = "@daily"',
    '[schedules.nightly]\njob = "sync.source"\nevery = "1h"\noverlap = "queue"',
    '[schedules.nightly]\njob = "sync.source"\nevery = "1h"\nevry = "1h"',
    '[schedules."a b"]\njob = "sync.source"\nevery = "1h"',
]


@pytest.mark.parametrize("text", WRONG)
def test_what_the_reader_refuses_does_not_fit(fits, text, tmp_path):
    (tmp_path / "jobs.toml").write_text(text)
    assert examine(tmp_path / "jobs.toml", {})[1]
    assert not fits(text)


@pytest.mark.parametrize("table", ["[settings.ingest]\nmax_byte = 1", "[settings.sync.sources.docs]\nurl = 5"])
def test_the_settings_of_an_installed_plugin_are_known(fits, table):
    assert not fits(table)


def test_a_job_type_that_is_installed_is_offered_with_its_authors_defaults(schema):
    offered = schema["properties"]["jobs"]["properties"]
    assert set(load().catalog.types) == set(offered)
    assert 'Its author\'s defaults: max_retries = 5, timeout = "1m".' == offered["ingest.delete"]["description"]


def test_init_writes_a_jobs_toml_that_names_the_schema_beside_it(folder, cli):
    assert 0 == cli("--config", "deploy.toml", "init")[0]
    first, text = (folder / "deploy.toml").read_text().split("\n", 1)
    written = json.loads((folder / first.removeprefix("#:schema ./")).read_text())
    assert written == json.loads(cli("schema")[1])
    switched_on = re.sub(r"^#(?=[^ ])", "", text.partition("[settings.")[0], flags=re.MULTILINE)
    for each in (text, switched_on):
        jsonschema.validate(tomllib.loads(each), written)


def test_schema_writes_to_a_file(folder, cli):
    code, out, err = cli("schema", "--output", "editor.json")
    assert (0, "") == (code, out)
    assert "#:schema ./editor.json" in err
    assert "jobs.toml" == json.loads((folder / "editor.json").read_text())["title"]


def test_a_schema_is_written_also_while_jobs_toml_is_wrong(folder, cli):
    (folder / "jobs.toml").write_text("[runtime]\nprocesses = true\n")
    assert 0 == cli("schema")[0]
