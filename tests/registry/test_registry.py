"""The loaded plugins asked together: guarded, in order, each by what it takes."""

from __future__ import annotations

import logging

import pytest

from jobframe.core.context import App
from jobframe.core.errors import PluginError
from jobframe.core.event import Event
from jobframe.core.job import NewJob, State

EVENT = Event(type="mail.send", id="mail.send:1", state=State.COMPLETED, attempt=1, outcome="completed")

SETTINGS = """
    import attrs, jobframe

    @attrs.frozen
    class Settings:
        url: str = ""

    @jobframe.hookimpl
    def jobframe_settings():
        return Settings
"""

OBSERVER = """
    import jobframe
    seen = []

    @jobframe.hookimpl
    def jobframe_transition(event):
        seen.append(event)
"""

BROKEN_OBSERVER = """
    import jobframe
    calls = []

    @jobframe.hookimpl
    def jobframe_transition(event):
        calls.append(1)
        raise ValueError(f"secret of {event.id}")
"""

LIFESPAN = """
    from contextlib import asynccontextmanager
    import jobframe

    @jobframe.hookimpl{options}
    @asynccontextmanager
    async def jobframe_lifespan(app):
        app.provide([*app.resource(list), "open {name}"])
        yield
        app.provide([*app.resource(list), "close {name}"])
"""


def module(name):
    import sys

    return sys.modules[name]


def test_settings_classes_are_known_by_plugin(install, load_acme):
    install("mail", SETTINGS)
    install("post", OBSERVER)

    classes = load_acme().settings_classes()

    assert classes["mail"] is module("acme_mail").Settings
    assert "post" not in classes


def test_observers_are_told_even_when_one_of_them_raises(install, load_acme, caplog):
    install("a", BROKEN_OBSERVER)
    install("b", OBSERVER)
    registry = load_acme()

    with caplog.at_level(logging.WARNING):
        registry.observe(EVENT)
        registry.observe(EVENT)

    assert registry.observed
    assert [EVENT, EVENT] == module("acme_b").seen
    assert 2 == len(module("acme_a").calls)
    assert ["plugin a: its jobframe_transition failed (ValueError); jobs go on, and this is said once"] == [
        record.getMessage() for record in caplog.records
    ]


def test_an_observer_may_take_no_event(install, load_acme):
    code = """
        import jobframe
        calls = []
        @jobframe.hookimpl
        def jobframe_transition(): calls.append(1)
    """
    install("a", code)

    load_acme().observe(EVENT)

    assert [1] == module("acme_a").calls


def test_nobody_observes_when_nobody_implements_it(install, load_acme):
    install("mail", SETTINGS)

    registry = load_acme()
    registry.observe(EVENT)

    assert not registry.observed


async def test_lifespans_are_entered_by_name_unless_they_ask_to_be_first_or_last(install, load_acme):
    install("a", LIFESPAN.format(name="a", options="(trylast=True)"))
    install("b", LIFESPAN.format(name="b", options=""))
    install("c", LIFESPAN.format(name="c", options=""))
    install("d", LIFESPAN.format(name="d", options="(tryfirst=True)"))
    app = App()
    app.provide([])

    lifespans = load_acme().lifespans(app)
    for lifespan in lifespans:
        await lifespan.__aenter__()
    for lifespan in reversed(lifespans):
        await lifespan.__aexit__(None, None, None)

    assert [
        *("open d", "open b", "open c", "open a"),
        *("close a", "close c", "close b", "close d"),
    ] == app.resource(list)


@pytest.mark.parametrize("body", ["raise OSError('no disk')\n        yield", "yield from ()"])
async def test_a_lifespan_that_cannot_start_names_its_plugin(install, load_acme, body):
    code = f"""
    import jobframe
    from contextlib import asynccontextmanager
    @jobframe.hookimpl
    {"@asynccontextmanager" if "raise" in body else ""}
    {"async " if "raise" in body else ""}def jobframe_lifespan(app):
        {body}
    """
    install("mail", code)
    (lifespan,) = load_acme().lifespans(App())

    with pytest.raises(PluginError, match="plugin mail: jobframe_lifespan failed: "):
        await lifespan.__aenter__()


async def test_an_exception_inside_a_lifespan_reaches_the_plugin_and_comes_out_as_it_is(install, load_acme):
    code = """
        from contextlib import asynccontextmanager
        import jobframe
        seen = []
        @jobframe.hookimpl
        @asynccontextmanager
        async def jobframe_lifespan(app):
            try:
                yield
            except RuntimeError as error:
                seen.append(error)
                raise
    """
    install("mail", code)
    (lifespan,) = load_acme().lifespans(App())
    error = RuntimeError("the worker")

    with pytest.raises(RuntimeError, match="the worker"):
        async with lifespan:
            raise error

    assert [error] == module("acme_mail").seen


def test_health_gathers_the_checks_of_every_plugin_and_survives_a_broken_one(install, load_acme):
    install("a", "import jobframe\n@jobframe.hookimpl\ndef jobframe_health(): raise ValueError('secret')")
    install(
        "b", "import jobframe\n@jobframe.hookimpl\ndef jobframe_health(): return {'disk': None, 'model': 'missing'}"
    )
    install("c", "import jobframe\n@jobframe.hookimpl\ndef jobframe_health(): return None")

    health = load_acme().health()

    assert {
        "a": "its health check failed: ValueError",
        "b.disk": None,
        "b.model": "missing",
        "c": "its health check failed: AttributeError",
    } == {name: text for name, text in health.items() if name[0] in "abc" and name[1:2] in ("", ".")}


def test_start_jobs_gathers_the_jobs_of_every_plugin_and_survives_a_broken_one(install, load_acme, caplog):
    install("a", "import jobframe\n@jobframe.hookimpl\ndef jobframe_start_jobs(): raise ValueError('no source')")
    install("b", "import jobframe\n@jobframe.hookimpl\ndef jobframe_start_jobs(app): return app.resource(list)")
    app = App()
    app.provide([NewJob("b.sync", key="docs")])

    jobs = load_acme().start_jobs(app)

    assert [NewJob("b.sync", key="docs")] == [job for job in jobs if job.type == "b.sync"]
    assert ["plugin a: its jobframe_start_jobs failed: ValueError: no source"] == [
        record.getMessage().partition(" (/")[0] for record in caplog.records
    ]
