"""Where `connect` finds its server, and what it loads for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import jobframe
from jobframe.client.connect import connect, connect_sync, locate
from jobframe.core.errors import ConfigError, StoreUnavailable
from jobframe.store.embedded import Embedded

HEAVY = ("redis", "arq", "aiohttp", "cattrs", "tomli", "pluggy", "structlog", "click", "rich")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("JOBFRAME_")]:
        monkeypatch.delenv(name)
    return tmp_path


def loaded_by(*lines: str) -> set[str]:
    """Run *lines* in a fresh interpreter and return the modules that it has loaded then."""
    program = "\n".join([*lines, "import json, sys", "print(json.dumps(sorted(sys.modules)))"])
    return set(json.loads(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout))


def test_importing_jobframe_loads_nothing_heavy():
    modules = loaded_by("import jobframe")

    assert "jobframe" in modules
    assert set() == modules & {*HEAVY, "attrs", "msgspec", "asyncio"}


def test_declaring_a_job_type_loads_no_client():
    modules = loaded_by(
        "import attrs, jobframe",
        "@attrs.frozen",
        "class Page: number: int",
        "@jobframe.job('book.read')",
        "async def read(ctx: jobframe.Context, page: Page): ...",
        "@jobframe.hookimpl",
        "def jobframe_job_types(): return [read]",
    )

    assert "jobframe.core.jobtype" in modules
    assert set() == modules & (set(HEAVY) - {"pluggy"})


def test_a_client_imports_no_plugin_and_nothing_of_the_worker():
    modules = loaded_by("import jobframe", "with jobframe.connect_sync('unix:///nowhere'): pass")

    assert "jobframe.client.connect" in modules
    plugins = {"jobframe.maintenance.plugin", "jobframe_ingest", "jobframe_reembed", "jobframe_sync"}
    assert set() == modules & {"arq", "aiohttp", "pluggy", "click", "rich", "jobframe.runtime", *plugins}


def test_every_public_name_can_be_fetched_and_no_other():
    assert sorted([*jobframe.__all__, "__version__"]) == dir(jobframe)
    assert all(getattr(jobframe, name) is not None for name in dir(jobframe))
    with pytest.raises(AttributeError, match="module 'jobframe' has no attribute 'conect'"):
        jobframe.conect  # noqa: B018 - the mistake itself


def test_a_given_url_is_stronger_than_the_environment_and_that_than_the_file(folder, monkeypatch):
    (folder / "jobs.toml").write_text('[redis]\nurl = "redis://file"\nnamespace = "n"\n')
    assert ("redis://file", "n") == locate()

    monkeypatch.setenv("JOBFRAME_REDIS_URL", "redis://environment")
    assert ("redis://environment", "n") == locate()
    assert ("redis://given", "n") == locate("redis://given")


def test_the_file_is_the_given_one_or_that_of_the_environment_or_the_one_here(folder, monkeypatch):
    for name in ("given", "environment", "jobs"):
        (folder / f"{name}.toml").write_text(f'[redis]\nurl = "redis://{name}"\n')
    assert "redis://jobs" == locate()[0]

    monkeypatch.setenv("JOBFRAME_CONFIG", str(folder / "environment.toml"))
    assert "redis://environment" == locate()[0]
    assert "redis://given" == locate(config=folder / "given.toml")[0]
    assert "redis://given" == locate(config=str(folder / "given.toml"))[0]


def test_without_any_setting_it_is_the_server_that_runs_here(folder):
    server = Embedded().start()
    try:
        assert (server.url, "default") == locate()
        with connect_sync() as jobs:
            assert 0 == jobs.counts()["waiting"]
    finally:
        server.stop()


NO_SERVER = "no server in .jobframe: start `jobframe up` here, or set [redis] url in jobs.toml or JOBFRAME_REDIS_URL"


async def test_without_a_server_the_error_says_how_to_have_one():
    with pytest.raises(StoreUnavailable) as refused:
        async with connect():
            pytest.fail("there is no server")

    assert (NO_SERVER, False) == (str(refused.value), refused.value.acknowledged)
    with pytest.raises(StoreUnavailable, match=r"start `jobframe up` here"), connect_sync():
        pytest.fail("there is no server")


async def test_a_url_that_means_no_server_is_an_error_at_the_door():
    with pytest.raises(ConfigError, match=r"redis\.url"):
        async with connect("http://example.org"):
            pytest.fail("that is no server")
    with pytest.raises(ConfigError, match=r"redis\.url"), connect_sync("http://example.org"):
        pytest.fail("that is no server")


def test_a_file_that_cannot_be_used_is_an_error_at_the_door(folder):
    (folder / "jobs.toml").write_text("[reddis]\n")

    with pytest.raises(ConfigError, match=r"jobs\.toml:1"):
        locate("redis://given")


async def test_the_namespace_is_that_of_the_file(redis_url, folder):
    (folder / "jobs.toml").write_text(f'[redis]\nurl = "{redis_url}"\nnamespace = "other"\n')

    async with connect() as jobs:
        assert "other" == jobs.store.keys.namespace
        assert 0 == (await jobs.counts())["waiting"]
