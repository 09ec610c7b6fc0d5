"""Configuration and plugins put together, and what stops a worker."""

from __future__ import annotations

import sys

import pytest

from jobframe.core.errors import ConfigError, PluginError, UnknownJobType
from jobframe.project import inspect_project, load_project

MAIL = """
    import attrs, jobframe

    @attrs.frozen
    class Settings:
        sender: str = "nobody"

    @jobframe.job("mail.send", max_retries=1)
    async def send(ctx):
        pass

    @jobframe.job("mail.read")
    async def read(ctx):
        pass

    @jobframe.hookimpl
    def jobframe_job_types():
        return [send, read]

    @jobframe.hookimpl
    def jobframe_settings():
        return Settings
"""
BROKEN = "raise RuntimeError('broken')"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write ./jobs.toml; only the plugins of this test are allowed."""
    for variable in ("JOBFRAME_CONFIG", "JOBFRAME_REDIS_URL", "QUEUE_BACKOFF_STRATEGY", "QUEUE_MAX_RETRIES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    def write_file(text=""):
        allowed = '[plugins]\nallow = ["acme-mail", "acme-post"]\ndisable = ["maintenance"]\n'
        (tmp_path / "jobs.toml").write_text(allowed + text)

    return write_file


def test_a_project_holds_types_policies_and_settings(install, write, monkeypatch):
    install("mail", MAIL)
    write('[jobs."mail.send"]\ntimeout = "7s"\n[settings.mail]\nsender = "us"')
    monkeypatch.setenv("QUEUE_MAX_RETRIES", "9")

    project = load_project()

    mail = sys.modules["acme_mail"]
    assert {"mail.send": mail.send, "mail.read": mail.read} == project.registry.catalog.types
    assert {"mail.send", "mail.read"} == project.policies.keys()
    assert (
        7_000,
        9,
    ) == (project.policies["mail.send"].policy.timeout_ms, project.policies["mail.send"].policy.max_retries)
    assert {mail.Settings: mail.Settings("us")} == project.settings


def test_mistakes_of_the_file_the_settings_and_the_types_are_told_together_in_the_order_of_the_file(install, write):
    install("mail", MAIL)
    write('[settings.mail]\nsendr = "us"\n[jobs."mail.sand"]\n[runtime]\nthreads = 0\n')

    with pytest.raises(ConfigError) as raised:
        load_project()

    assert [
        "jobs.toml:5: settings.mail.sendr: unknown key 'sendr': did you mean 'sender'?",
        "jobs.toml:6: jobs.\"mail.sand\": unknown job type 'mail.sand': did you mean 'mail.send'?",
        "jobs.toml:8: runtime.threads: expected a whole number from 1 to 1000, got 0",
    ] == str(raised.value).splitlines()


def test_a_broken_plugin_that_the_file_names_stops_the_worker(install, write):
    install("mail", MAIL)
    install("post", BROKEN)
    write('[jobs."post.carry"]\nconcurrency = 1')

    with pytest.raises(
        PluginError, match=r'^plugin post: failed: RuntimeError: broken \(.*\); needed for jobs."post.carry"'
    ):
        load_project()


def test_a_broken_plugin_that_nothing_names_is_a_warning(install, write):
    install("mail", MAIL)
    install("post", BROKEN)
    write()

    project, report = inspect_project()

    assert load_project().policies.keys() == project.policies.keys() == {"mail.send", "mail.read"}
    assert ["plugin post of acme-post is failed: RuntimeError: broken"] == [
        str(warning).split(" (")[0] for warning in report.warnings
    ]


def test_a_worker_of_some_types_has_only_their_policies(install, write):
    install("mail", MAIL)
    write()

    assert {"mail.send"} == load_project(types=["mail.send"]).policies.keys()


def test_a_worker_of_some_types_is_not_stopped_by_the_plugin_of_others(install, write):
    install("mail", MAIL)
    install("post", BROKEN)
    write('[jobs."post.carry"]\nconcurrency = 1')

    assert {"mail.send"} == load_project(types=["mail.send"]).policies.keys()
    with pytest.raises(PluginError, match=r"job type 'post\.carry' is not available"):
        load_project(types=["mail.send", "post.carry"])


def test_a_worker_of_an_unknown_type_is_told_the_nearest_one(install, write):
    install("mail", MAIL)
    write()

    with pytest.raises(UnknownJobType, match=r"did you mean 'mail\.send'\?"):
        load_project(types=["mail.sent"])


@pytest.mark.parametrize("types", [(), ("mail.send",)])
def test_two_owners_of_one_type_stop_every_worker(install, write, types):
    install("mail", MAIL)
    install("post", MAIL)
    write()

    with pytest.raises(PluginError, match=r"'mail\.send' of acme-post is provided by acme-mail too"):
        load_project(types=types)
    project, report = inspect_project()
    assert [
        "loaded",
        "failed",
    ] == [plugin.state for plugin in project.registry.plugins if plugin.name in ("mail", "post")]
    assert ["post"] == [error.plugin for error in report.broken]


def test_nothing_is_imported_when_it_is_not_known_what_may_be(install, write, tmp_path):
    install("mail", MAIL)
    write()
    (tmp_path / "jobs.toml").write_text('[plugins]\nallow = "acme-mail"')

    with pytest.raises(ConfigError, match=r"jobs\.toml:2: plugins\.allow: expected a list, got text"):
        inspect_project()

    assert "acme_mail" not in sys.modules
