"""Distributions that jobs.toml does not allow run no code, not even at their import, whatever they call themselves."""

from __future__ import annotations

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.packages import install

MARKER = """
import os
import pathlib
import jobframe

pathlib.Path(os.environ["ACME_MARKERS"], __name__).touch()
"""
GREETER = (
    MARKER
    + """
@jobframe.job("greeter.greet")
async def greet(ctx: jobframe.Context) -> str:
    return "hello"

@jobframe.hookimpl
def jobframe_job_types():
    return [greet]
"""
)
SQUATTER = GREETER.replace("hello", "gotcha")
ALLOWED = '[plugins]\nallow = ["jobframe-ingest", "jobframe-reembed", "jobframe-sync", "acme-greeter{}"]'


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Three wheels, each built and installed by pip: one to be allowed, one unheard of, one that takes its name."""
    root = tmp_path_factory.mktemp("packages")
    return [
        install(root / "greeter", root / "greeter-site", "acme_greeter", GREETER),
        install(root / "stranger", root / "stranger-site", "acme_stranger", MARKER),
        install(root / "squatter", root / "squatter-site", "evil_greeter", SQUATTER),
    ]


@pytest.fixture
def deployment(sites, tmp_path, monkeypatch):
    """A deployment with all three installed; whichever is imported leaves a file in its folder ``markers``."""
    (tmp_path / "markers").mkdir()
    monkeypatch.setenv("ACME_MARKERS", str(tmp_path / "markers"))
    return Deployment(tmp_path / "here", *sites)


def imported(deployment):
    """Return the names of the modules that were imported."""
    return {path.name for path in (deployment.folder.parent / "markers").iterdir()}


def test_what_no_line_allows_is_not_imported_though_it_takes_the_name_of_what_one_does(deployment):
    deployment.configure(ALLOWED.format("==1.0") + '\n[jobs."greeter.greet"]\nconcurrency = 1')
    refused = {each["distribution"]: (each["state"], each["error"]) for each in deployment.json("plugins")}
    said = deployment.run("check").stderr
    with deployment.up():
        assert "hello" == deployment.work("greeter.greet")

    for distribution in ("acme-stranger", "evil-greeter"):
        assert ("disabled", f"{distribution} is not in [plugins] allow") == refused[distribution]
    assert "greeter" not in said, "what is allowed has its table"
    assert {"acme_greeter"} == imported(deployment)


@pytest.mark.parametrize("command", ["up", "worker", "check"])
def test_nothing_starts_with_a_version_that_is_not_the_allowed_one(deployment, command):
    deployment.configure(ALLOWED.format(">=2"))
    said = deployment.run(command, code=3).stderr

    assert "plugins.allow: version 1.0 of acme-greeter is installed, >=2 is allowed: install one that fits" in said
    assert set() == imported(deployment)


@pytest.mark.parametrize("command", ["up", "worker", "check"])
def test_nothing_starts_when_two_that_are_allowed_have_the_same_name(deployment, command):
    deployment.configure(ALLOWED.format('", "evil-greeter'))
    said = deployment.run(command, code=5).stderr

    assert "evil-greeter and acme-greeter both provide a plugin of this name" in said
    assert {"acme_greeter"} == imported(deployment)
