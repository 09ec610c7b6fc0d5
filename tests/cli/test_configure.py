"""Commands about plugins and configuration, with plugin packages written for the test."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from jobframe.cli.main import root
from jobframe.core.keyring import parse_keyring, written
from jobframe.core.policy import KEYS

TYPES = """
import attrs, jobframe

@attrs.frozen
class Note:
    text: str = ""
    times: int = 1

@attrs.frozen
class NotesSettings:
    '''
    Settings of notes.

    Attributes:
        folder: Where notes
            are kept.

    '''

    folder: str = "notes"

@jobframe.job("notes.write", timeout="2m", concurrency=3)
async def write(ctx: jobframe.Context, payload: Note) -> None: ...

@jobframe.hookimpl
def jobframe_job_types(): return [write]

@jobframe.hookimpl
def jobframe_settings(): return NotesSettings
"""

COMMAND = """
import click

@click.command(epilog="Example: jobframe notes")
def notes():
    "List the notes."
    click.echo("no notes")
"""


@pytest.fixture
def install(folder, monkeypatch):
    """Install a distribution: modules, and entry points by group."""
    site = folder / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def add(name, modules, **groups):
        for module, text in modules.items():
            (site / f"{module}.py").write_text(text)
        info = site / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [line for group, points in groups.items() for line in (f"[jobframe.{group}]", *points)]
        (info / "entry_points.txt").write_text("\n".join(lines))
        root.__dict__.pop("_from_plugins", None)

    yield add
    root.__dict__.pop("_from_plugins", None)


@pytest.fixture
def notes(install):
    install(
        "acme-notes",
        {"acme_notes": TYPES, "acme_notes_command": COMMAND},
        plugins=["notes = acme_notes"],
        commands=["notes = acme_notes_command:notes"],
    )


@pytest.fixture
def broken(install):
    text = "raise RuntimeError('no good')"
    install(
        "acme-broken",
        {"acme_broken": text, "acme_broken_command": text},
        plugins=["broken = acme_broken"],
        commands=["broken = acme_broken_command:run"],
    )


def test_a_plugin_installed_beside_appears_with_its_types(notes, cli, cli_json):
    (plugin,) = (each for each in cli_json("plugins") if each["name"] == "notes")
    assert ("acme-notes", "1.2", "loaded") == (plugin["distribution"], plugin["version"], plugin["state"])
    assert ["notes.write"] == plugin["types"]
    (found,) = (each for each in cli_json("types") if each["type"] == "notes.write")
    assert ("acme-notes", "loop", ["text", "times"]) == (found["distribution"], found["run_in"], found["fields"])
    assert "notes.write" in cli("types")[1]


def test_a_plugin_that_fails_to_import_is_listed_with_its_error_and_stops_nothing(notes, broken, cli, cli_json):
    states = {each["name"]: each for each in cli_json("plugins")}
    assert ("failed", "loaded") == (states["broken"]["state"], states["notes"]["state"])
    assert "RuntimeError: no good" in states["broken"]["error"]
    code, out, err = cli("types")
    assert 0 == code
    assert "notes.write" in out
    assert "plugin broken is failed: RuntimeError: no good" in err


def test_two_owners_of_a_type_are_refused_with_both_names(notes, install, cli):
    install("rival-notes", {"rival_notes": TYPES}, plugins=["zz_rival = rival_notes"])
    code, _, err = cli("check")
    assert 5 == code
    assert "acme-notes" in err
    assert "rival-notes" in err


def test_plugins_and_types_work_with_a_wrong_jobs_toml(notes, folder, cli):
    (folder / "jobs.toml").write_text("[runtime]\nprocesses = true\n")
    assert (0, 0, 3) == (cli("plugins")[0], cli("types")[0], cli("check")[0])


def test_a_plugins_command_is_listed_and_run(notes, cli):
    assert re.search(r"notes +Provided by acme-notes\.", cli("--help")[1])
    assert (0, "no notes\n") == cli("notes")[:2]


def test_a_broken_command_is_listed_and_shows_its_error_only_when_used(broken, cli):
    code, out, _ = cli("--help")
    assert (0, True) == (code, "Provided by acme-broken." in out)
    code, _, err = cli("broken")
    assert 5 == code
    assert "plugin broken: its command cannot be imported: RuntimeError: no good" in err


@pytest.mark.parametrize("table", ['allow = ["jobframe"]', 'disable = ["notes"]', 'disable = ["acme-notes"]'])
def test_a_command_of_a_plugin_that_jobs_toml_keeps_out_is_not_imported(notes, folder, cli, table):
    (folder / "site" / "acme_notes_command.py").write_text("raise SystemExit('imported')")
    (folder / "jobs.toml").write_text(f"[plugins]\n{table}\n")
    code, _, err = cli("notes")
    assert 5 == code
    assert "its command is not available" in err


def test_a_command_cannot_take_the_name_of_one_of_ours(install, cli):
    install("acme-thief", {"thief": COMMAND}, commands=["stats = thief:notes"])
    assert 4 == cli("stats")[0]
    assert "acme-thief" not in cli("--help")[1]


def test_an_object_that_is_no_click_command_is_a_plugin_error(install, cli):
    install("acme-odd", {"odd": "run = 7"}, commands=["odd = odd:run"])
    code, _, err = cli("odd")
    assert 5 == code
    assert "odd:run is no click command but a int" in err


def test_enqueue_reads_a_value_by_the_installed_types_field(notes, hands, cli):
    hands.announce("notes.write")
    assert 0 == cli("enqueue", "notes.write", "text=42", "times=42")[0]
    code, _, err = cli("enqueue", "notes.write", "times=many")
    assert 1 == code
    assert "times" in err


def test_config_names_every_layer_of_a_value(notes, folder, cli_json, monkeypatch):
    monkeypatch.setenv("QUEUE_MAX_RETRIES", "9")
    (folder / "jobs.toml").write_text('[defaults]\ntimeout = "3m"\n\n[jobs."notes.write"]\ntimeout = "4m"\n')
    policy = cli_json("config", "notes.write")["notes.write"]
    assert list(KEYS) == list(policy)
    assert {
        "value": '"4m"',
        "origin": '[jobs."notes.write"] jobs.toml:5',
        "overrides": [
            {"value": '"3m"', "origin": "[defaults] jobs.toml:2"},
            {"value": '"2m"', "origin": "author"},
            {"value": '"5m"', "origin": "built-in"},
        ],
    } == policy["timeout"]
    assert "env QUEUE_MAX_RETRIES" == policy["max_retries"]["origin"]
    assert {"value": '"normal"', "origin": "built-in", "overrides": []} == policy["priority"]


def test_config_without_a_type_shows_what_differs_from_the_built_in(notes, cli):
    rows = [line.split() for line in cli("config")[1].splitlines() if line.startswith("notes.write")]
    assert [["notes.write", "concurrency", "3"], ["notes.write", "timeout", '"2m"']] == [row[:3] for row in rows]


def test_config_of_an_unknown_type_names_the_nearest(notes, cli):
    code, _, err = cli("config", "notes.wite")
    assert 1 == code
    assert "did you mean 'notes.write'?" in err


def test_config_of_a_broken_plugins_type_names_the_plugin(broken, cli):
    code, _, err = cli("config", "broken.type")
    assert 5 == code
    assert "RuntimeError: no good" in err


def test_check_lists_every_mistake_at_once_with_its_line(notes, folder, cli):
    (folder / "jobs.toml").write_text(
        '[runtime]\nprocesses = true\n[jobs."notes.wite"]\ntimeout = "1m"\n[jobs."notes.write"]\nmax_retry = 3\n'
    )
    code, out, err = cli("check")
    assert (3, "") == (code, out)
    lines = err.splitlines()
    for line, place, word in zip(
        lines,
        ("jobs.toml:2", "jobs.toml:3", "jobs.toml:6"),
        ("whole number", "'notes.write'", "'max_retries'"),
        strict=False,
    ):
        assert line.startswith(f"error: {place}: ")
        assert word in line
    assert "3 problems stop the worker" == lines[-1]
    document = json.loads(cli("check", "--json")[1])
    assert document["ok"] is False
    assert [each["line"] for each in document["problems"] if each["severity"] == "error"] == [2, 3, 6]


def test_check_of_a_broken_plugin_that_the_file_needs_is_exit_code_5(broken, folder, cli):
    assert 0 == cli("check")[0]
    (folder / "jobs.toml").write_text('[jobs."broken.type"]\ntimeout = "1m"\n')
    code, _, err = cli("check")
    assert 5 == code
    assert "RuntimeError: no good" in err


@pytest.mark.parametrize("text", ["[runtime\n", None])
def test_a_file_that_cannot_be_read_is_exit_code_3_in_both_forms(folder, cli, text):
    if text is not None:
        (folder / "other.toml").write_text(text)
    code, _, err = cli("--config", "other.toml", "check")
    assert (3, True) == (code, err.startswith("error: other.toml"))
    code, out, _ = cli("--config", "other.toml", "check", "--json")
    assert (3, "other.toml") == (code, json.loads(out)["problems"][0]["file"])


def test_check_finds_a_url_that_means_no_server_and_says_where_it_stands(folder, cli, monkeypatch):
    monkeypatch.delenv("JOBFRAME_REDIS_URL", raising=False)
    (folder / "jobs.toml").write_text('[redis]\nurl = "htp://:hunter2@host"\n')
    code, _, err = cli("check")
    assert (3, True, False) == (code, "error: jobs.toml:2: redis.url: begins with none of" in err, "hunter2" in err)

    monkeypatch.setenv("JOBFRAME_REDIS_URL", "redis://host/first")
    code, _, err = cli("check")
    assert (3, True) == (code, "error: JOBFRAME_REDIS_URL: redis.url: has a database that is not a number" in err)

    monkeypatch.setenv("JOBFRAME_REDIS_URL", "redis://host/1")
    assert 0 == cli("check")[0]


def test_check_with_the_store_tells_of_a_policy_in_force_that_differs(hands, install, cli):
    install("acme-notes", {"acme_notes": TYPES}, plugins=["notes = acme_notes"])
    hands.announce("notes.write")
    code, _, err = cli("check", "--store")
    assert 0 == code
    assert 'jobs."notes.write": another policy than this file\'s is in force' in err
    assert "no append-only file" in err


def test_keys_new_prints_a_key_that_can_be_put_in_front_of_the_others(folder, cli, monkeypatch):
    _, first, said_first = cli("keys", "new")
    monkeypatch.setenv("JOBFRAME_KEYS", first.strip())
    code, second, said_second = cli("keys", "new")

    assert (0, ["k2", "k1"]) == (code, list(parse_keyring(f"{second.strip()},{first.strip()}").keys))
    assert "Put it into JOBFRAME_KEYS, of every worker" in said_first
    assert "Put it behind the keys in JOBFRAME_KEYS, of every worker" in said_second
    assert "in front when all have it" in said_second


def test_keys_new_goes_by_the_variable_of_the_file_however_wrong_the_rest_is(folder, cli, monkeypatch):
    (folder / "jobs.toml").write_text('[encryption]\nkeys_env = "ACME_KEYS"\n[redis]\nurl = 7')
    monkeypatch.setenv("ACME_KEYS", written("k7", b"1" * 32))

    code, made, said = cli("keys", "new")

    assert (0, "k8:") == (code, made[:3])
    assert "behind the keys in ACME_KEYS" in said


@pytest.mark.parametrize("words", [("check",), ("worker", "--burst")])
def test_keys_that_are_none_stop_a_worker_without_being_shown(notes, cli, monkeypatch, words):
    monkeypatch.setenv("JOBFRAME_KEYS", "k1:aHVudGVyMg==")

    code, out, err = cli(*words)

    assert 3 == code
    assert "JOBFRAME_KEYS: key 1 is not written as ID:KEY" in err
    assert "aHVudGVyMg" not in out + err


def test_init_writes_a_file_that_check_accepts(notes, folder, cli):
    code, out, err = cli("init")
    assert (0, "", "wrote jobs.toml and jobs.schema.json: edit the first, then try jobframe check") == (
        code,
        out,
        err.splitlines()[0],
    )
    assert 0 == cli("check")[0]
    assert {} == tomllib.loads((folder / "jobs.toml").read_text())["jobs"]["notes.write"]


def test_every_key_of_init_is_right_when_it_is_switched_on(notes, folder, cli):
    text = cli("init", "--output", "-")[1]
    on = re.sub(r"^#(?=[^ :])", "", text, flags=re.MULTILINE)
    own = on.split("[settings.")[0] + '[settings.notes]\nfolder = "notes"\n'
    (folder / "jobs.toml").write_text(own.replace("allow = [", 'allow = ["acme-notes", '))
    code, _, err = cli("check")
    assert 0 == code, err
    document = tomllib.loads(own)
    assert set(KEYS) - {"run_in"} == set(document["defaults"])
    assert {"run_in": "loop", "concurrency": 3, "timeout": "2m"} == document["jobs"]["notes.write"]


def test_init_takes_the_sentences_from_the_classes(notes, cli):
    text = cli("init", "--output", "-")[1]
    assert '[settings.notes]\n# Where notes are kept.\n#folder = "notes"' in text


def test_init_replaces_no_file_unless_told_to(folder, cli):
    (folder / "jobs.toml").write_text("# mine\n")
    code, _, err = cli("init")
    assert (1, True) == (code, "--force replaces it" in err)
    assert "# mine\n" == (folder / "jobs.toml").read_text()
    assert 0 == cli("init", "--force")[0]


def test_init_writes_where_config_points(folder, cli):
    assert 0 == cli("--config", "deploy.toml", "init")[0]
    assert (folder / "deploy.toml").exists()
