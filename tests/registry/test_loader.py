"""What becomes of each installed plugin, good or broken."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import attrs
import pytest

from jobframe.registry.installed import installed
from jobframe.registry.loader import load
from jobframe.registry.state import PluginState

GOOD = """
    import jobframe

    @jobframe.job("{type}")
    async def handler(ctx):
        pass

    @jobframe.hookimpl
    def jobframe_job_types():
        return [handler]
"""


def good(type_name):
    return GOOD.format(type=type_name)


def test_a_good_plugin_is_loaded_with_its_types(install, states, load_acme):
    install("mail", good("mail.send"), version="2.3")

    mail = states()["mail"]

    assert PluginState(
        name="mail", distribution="acme-mail", version="2.3", state="loaded", types=("mail.send",)
    ) == attrs.evolve(mail, import_ms=0)
    catalog = load_acme().catalog
    assert "mail.send" == catalog.types["mail.send"].name
    assert "acme-mail" == catalog.owner("mail.send")
    with pytest.raises(KeyError):
        catalog.owner("mail.read")


def test_an_object_in_a_module_can_be_the_plugin(install, states):
    code = """
        import jobframe

        class Plugin:
            @jobframe.hookimpl
            def jobframe_health(self):
                return {}

        plugin = Plugin()
    """
    install("mail", code, entry_point="acme_mail:plugin")

    assert "loaded" == states()["mail"].state


BROKEN = {
    "raise RuntimeError('at import')": "RuntimeError: at import (",
    "import acme_nothing": "ModuleNotFoundError: No module named 'acme_nothing' (",
    "import sys; sys.exit('bye')": "SystemExit: bye (",
    "x = = 1": "SyntaxError: invalid syntax (acme_mail.py, line 1)",
    "": "implements no hook: its entry point names a module with functions marked @jobframe.hookimpl",
    "def jobframe_job_types(): return []": "jobframe_job_types is not marked: put @jobframe.hookimpl above it",
    """
    import jobframe
    @jobframe.hookimpl
    def jobframe_job_type(): return []
    """: "unknown hook 'jobframe_job_type': did you mean 'jobframe_job_types'?",
    """
    import jobframe
    @jobframe.hookimpl
    def jobframe_transition(job): pass
    """: "PluginValidationError: ",
    """
    import jobframe
    @jobframe.hookimpl
    async def jobframe_transition(event): pass
    """: "jobframe_transition is an async def: nobody would await it",
    """
    import jobframe
    @jobframe.hookimpl(wrapper=True)
    def jobframe_health(): return (yield)
    """: "jobframe_health is a hook wrapper: hooks of jobframe only look and answer",
    """
    import jobframe
    @jobframe.hookimpl
    def jobframe_job_types(): raise RuntimeError("in a hook")
    """: "RuntimeError: in a hook (",
    """
    import jobframe
    def handler(ctx): pass
    @jobframe.hookimpl
    def jobframe_job_types(): return [handler]
    """: "jobframe_job_types returned function handler: decorate the handler with @jobframe.job",
    """
    import jobframe
    @jobframe.hookimpl
    def jobframe_job_types():
        return [jobframe.job("mail.send")(lambda ctx: None) for _ in range(2)]
    """: "jobframe_job_types returned two job types named 'mail.send'",
    """
    import jobframe
    @jobframe.hookimpl
    def jobframe_settings(): return dict
    """: "jobframe_settings returned type dict: it must return an attrs class",
    """
    import attrs, jobframe
    @attrs.frozen
    class Settings:
        url: "Unheard"
    @jobframe.hookimpl
    def jobframe_settings(): return Settings
    """: "NameError: name 'Unheard' is not defined (",
}


@pytest.mark.parametrize(("code", "error"), BROKEN.items(), ids=BROKEN.values())
def test_a_broken_plugin_is_recorded_with_its_error_and_stops_no_other(install, states, load_acme, code, error):
    install("letters", good("letters.send"))
    install("mail", code)
    install("post", good("post.send"))

    found = states()

    assert "failed" == found["mail"].state
    assert found["mail"].error.startswith(error)
    assert "\n" not in found["mail"].error
    assert () == found["mail"].types
    assert found["letters"].state == found["post"].state == "loaded"
    assert "mail.send" not in load_acme().catalog.types


def test_the_error_of_an_import_names_the_line_that_raised(install, states):
    install("mail", "x = 1\nraise ValueError('no')")

    assert states()["mail"].error.endswith("acme_mail.py:2)")


def test_of_an_error_in_a_library_the_plugins_own_line_is_named(install, states):
    install("mail", "import json\nx = 1\njson.loads('{')")

    assert states()["mail"].error.endswith("acme_mail.py:3)")


def test_a_failed_plugin_is_asked_nothing_afterwards(install, load_acme):
    code = """
        import jobframe
        @jobframe.hookimpl
        def jobframe_job_types(): raise RuntimeError
        @jobframe.hookimpl
        def jobframe_transition(event): raise AssertionError
        @jobframe.hookimpl
        def jobframe_health(): raise AssertionError
    """
    install("mail", code)

    registry = load_acme()

    assert not registry.observed
    assert not [name for name in registry.health() if name.startswith("mail")]


def test_two_owners_of_one_type_are_told_with_both_names(install, load_acme):
    install("letters", good("mail.send"))
    install("mail", good("mail.send"))

    registry = load_acme()

    (conflict,) = registry.conflicts
    expected = (
        "plugin mail: job type 'mail.send' of acme-mail is provided by acme-letters too: "
        "uninstall one of them, or name it in [plugins] disable"
    )
    assert expected == str(conflict)
    assert "failed" == {plugin.name: plugin.state for plugin in registry.plugins}["mail"]
    assert "acme-letters" == registry.catalog.owner("mail.send")


def test_a_plugin_with_one_taken_type_adds_none_of_its_types(install, load_acme):
    install("letters", good("mail.send"))
    more = """
        @jobframe.job("mail.read")
        async def read(ctx): pass
        @jobframe.hookimpl
        def jobframe_job_types(): return [read, handler]
    """
    install("mail", good("mail.send") + more)

    assert "mail.read" not in load_acme().catalog.types


def test_two_plugins_of_one_name_are_told_with_both_distributions(install, load_acme):
    install("mail", good("mail.send"))
    install("mail", good("mail.read"), distribution="acme-post")

    registry = load_acme()

    assert ["plugin mail: acme-post and acme-mail both provide a plugin of this name: uninstall one of them"] == [
        str(conflict) for conflict in registry.conflicts
    ]
    assert "mail.read" not in registry.catalog.types


def test_a_disabled_conflict_is_none(install, load_acme):
    install("letters", good("mail.send"))
    install("mail", good("mail.send"))

    assert () == load_acme(disable=["mail"]).conflicts


TRAP = "raise AssertionError('imported')"


@pytest.mark.parametrize("disabled", ["mail", "acme-mail", "Acme_Mail"])
def test_a_disabled_plugin_is_not_imported(install, states, disabled):
    install("mail", TRAP, distribution="Acme_Mail")

    mail = states(disable=[disabled])["mail"]

    assert ("disabled", "disabled by [plugins] disable") == (mail.state, mail.error)
    assert ("acme-mail", 0) == (mail.distribution, mail.import_ms)


def test_what_is_not_allowed_is_not_imported(install):
    install("mail", good("mail.send"))
    install("post", TRAP)

    found = {plugin.name: plugin for plugin in load(["Acme_Mail>=1"]).plugins}

    assert "loaded" == found["mail"].state
    assert ("disabled", "acme-post is not in [plugins] allow") == (found["post"].state, found["post"].error)
    foreign = [plugin for plugin in found.values() if plugin.distribution not in ("jobframe", "acme-mail")]
    assert {"disabled"} == {plugin.state for plugin in foreign}


def test_an_empty_list_allows_jobframes_own_plugins_only(install):
    install("mail", TRAP)

    assert {"jobframe"} == {plugin.distribution for plugin in load([]).plugins if plugin.state != "disabled"}


@pytest.mark.parametrize(
    ("entry", "state"),
    [("acme-mail>=2", "disabled"), ("acme-mail>=1.5a1,<2", "loaded"), ("acme-mail==1.6.*", "loaded")],
)
def test_an_allowed_version_must_fit(install, entry, state):
    install("mail", good("mail.send"), version="1.6rc1")

    (mail,) = [plugin for plugin in load([entry]).plugins if plugin.name == "mail"]

    assert state == mail.state
    if state == "disabled":
        assert "version 1.6rc1 of acme-mail does not fit >=2 in [plugins] allow" == mail.error


def test_a_plugin_for_another_jobframe_is_not_imported(install, states):
    install("mail", TRAP, requires=["attrs", "jobframe>=99"])

    mail = states()["mail"]

    assert (
        "incompatible",
        f"acme-mail 1.0 needs jobframe >=99, this is {version('jobframe')}",
    ) == (mail.state, mail.error)


@pytest.mark.parametrize(
    "requirement", ["jobframe", "jobframe>=0.0.1", 'jobframe>=99; extra == "next"', "what is this"]
)
def test_a_plugin_for_this_jobframe_is_loaded(install, states, requirement):
    install("mail", good("mail.send"), requires=[requirement])

    assert "loaded" == states()["mail"].state


def test_plugins_are_listed_in_order_without_any_import(install):
    install("post", TRAP)
    install("mail", TRAP, version="2.0")

    found = [plugin for plugin in installed() if plugin.distribution.startswith(("acme-", "jobframe"))]

    assert [
        ("mail", "2.0"),
        ("post", "1.0"),
    ] == [(plugin.name, plugin.version) for plugin in found if plugin.distribution.startswith("acme-")]
    assert "jobframe" == found[0].distribution
    assert "acme_mail" not in sys.modules


def test_a_plugin_can_be_marked_without_loading_anything_heavy():
    code = "import sys, jobframe.registry.hookspecs; print(*sorted({name.split('.')[0] for name in sys.modules}))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"redis", "arq", "aiohttp", "msgspec", "attrs", "attr", "packaging", "structlog", "cattrs"} & set(loaded)
