"""A plugin package from outside this repository: pip installs it, and its types are there; nothing here was edited."""

from __future__ import annotations

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.packages import install

GREETER = """
import attrs
import click
import jobframe


@attrs.frozen
class GreeterSettings:
    word: str = "hello"


@attrs.frozen
class Greet:
    name: str
    times: int = 1


@jobframe.job("greeter.greet", timeout="10s")
async def greet(ctx: jobframe.Context, payload: Greet) -> str:
    return ", ".join([ctx.resource(GreeterSettings).word] * payload.times + [payload.name])


@jobframe.job("greeter.count", run_in="process")
def count(ctx: jobframe.Context, payload: Greet) -> int:
    return len(payload.name)


@jobframe.hookimpl
def jobframe_job_types():
    return [greet, count]


@jobframe.hookimpl
def jobframe_settings():
    return GreeterSettings


@click.command()
@click.pass_obj
def wave(invocation):
    click.echo(jobframe.settings("greeter", GreeterSettings, config=invocation.config).word)
"""
WAVE = """
[project.entry-points."jobframe.commands"]
wave = "acme_greeter:wave"
"""
RIVAL = """
import jobframe

@jobframe.job("greeter.greet")
async def greet(ctx: jobframe.Context): ...

@jobframe.hookimpl
def jobframe_job_types():
    return [greet]
"""
BROKEN = "import a_module_that_nobody_has\n"


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Packages, each built and installed by pip into a folder of its own."""
    root = tmp_path_factory.mktemp("packages")
    return {
        "greeter": install(root / "greeter", root / "site", "acme_greeter", GREETER, WAVE),
        "broken": install(root / "broken", root / "broken-site", "acme_broken", BROKEN),
        "rival": install(root / "rival", root / "rival-site", "acme_rival", RIVAL),
    }


def test_the_types_of_an_installed_package_are_there_and_run(sites, tmp_path):
    deployment = Deployment(tmp_path / "here", sites["greeter"])
    deployment.configure('[settings.greeter]\nword = "ahoy"\n[jobs."greeter.greet"]\nconcurrency = 1')
    (greet,) = [each for each in deployment.json("types") if each["type"] == "greeter.greet"]
    assert ("acme-greeter", ["name", "times"], None) == (greet["distribution"], greet["fields"], greet["workers"])
    with deployment.up():
        assert "ahoy, ahoy, Ada" == deployment.work("greeter.greet", name="Ada", times=2)
        assert 3 == deployment.work("greeter.count", name="Ada")
        assert "ahoy\n" == deployment.run("wave").stdout
        assert "plugin     greeter 1.0 loaded" in deployment.said()


def test_a_package_that_cannot_be_imported_is_listed_with_its_error_and_stops_nothing_else(sites, tmp_path):
    deployment = Deployment(tmp_path / "here", sites["greeter"], sites["broken"])
    error = "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"
    states = {plugin["name"]: (plugin["state"], plugin["error"]) for plugin in deployment.json("plugins")}

    assert ("failed", True) == (states["broken"][0], states["broken"][1].startswith(error))
    assert ("loaded", "") == states["greeter"]
    with deployment.up():
        assert "hello, Ada" == deployment.work("greeter.greet", name="Ada")
        assert f"plugin     broken 1.0 failed: {error}" in deployment.said()
    types = deployment.run("types")
    assert "greeter.greet" in types.stdout
    assert f"plugin broken is failed: {error}" in types.stderr
    deployment.run("check")


def test_a_package_that_jobs_toml_needs_and_that_cannot_be_imported_stops_the_worker(sites, tmp_path):
    deployment = Deployment(tmp_path / "here", sites["broken"])
    deployment.configure("[settings.broken]\nword = 'ahoy'")

    for command in ("up", "worker", "check"):
        assert "No module named 'a_module_that_nobody_has'" in deployment.run(command, code=5).stderr


def test_two_packages_with_the_same_type_are_refused_with_the_names_of_both(sites, tmp_path):
    deployment = Deployment(tmp_path / "here", sites["greeter"], sites["rival"])

    for command in ("up", "worker", "check"):
        said = deployment.run(command, code=5).stderr
        assert "job type 'greeter.greet' of acme-rival is provided by acme-greeter too" in said
    deployment.configure('[plugins]\ndisable = ["acme-rival"]')
    deployment.run("check")
