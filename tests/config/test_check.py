"""What is checked in the light of the installed plugins."""

from __future__ import annotations

import attrs
import pytest

import jobframe
from jobframe.config.check import check, missing
from jobframe.config.reader import read
from jobframe.core.errors import PluginError, UnknownJobType
from jobframe.core.jobtype import JobType
from jobframe.core.keyring import written
from jobframe.core.payload import restricted


@attrs.frozen
class Plugin:
    name: str
    distribution: str
    state: str = "loaded"
    error: str = ""
    version: str = "1.0"


@attrs.frozen
class Document:
    note: str = ""


async def ingest(ctx, document: Document):
    """Do nothing."""


@attrs.frozen
class Charge:
    note: str = jobframe.restricted(default="")


async def charge(ctx, charge: Charge):
    """Do nothing."""


KEY = written("k1", b"1" * 32)
INGEST = Plugin("ingest", "jobframe-ingest")
BROKEN = Plugin("reembed", "jobframe-reembed", "failed", "ImportError: no numpy")
OLD = Plugin("sync", "jobframe-sync", "incompatible", "needs jobframe >=9")
OFF = Plugin("mail", "acme-mail", "disabled", "disabled by [plugins] disable")


@pytest.fixture
def report(write, asynchronous):
    """Check *text* against the plugin ingest and the *plugins* given."""

    def make(text, *plugins, types=None, with_settings=("ingest",)):
        write(text)
        known = types if types is not None else {"ingest.document": asynchronous("ingest.document")}
        return check(read(None, {"JOBFRAME_KEYS": KEY}), known, [INGEST, *plugins], with_settings)

    return make


def test_a_fitting_file_has_nothing_to_report(report):
    found = report(
        '[jobs."ingest.document"]\nconcurrency = 1\n[settings.ingest]\n[plugins]\nallow = ["Jobframe_Ingest>=1"]'
    )

    assert ((), (), ()) == (found.errors, found.broken, found.warnings)


def test_an_unknown_type_is_told_with_the_nearest_one(report):
    found = report('[jobs."ingest.documnt"]\ntimeout = "1s"')

    assert [
        "jobs.toml:1: jobs.\"ingest.documnt\": unknown job type 'ingest.documnt': did you mean 'ingest.document'?"
    ] == list(map(str, found.errors))


def test_a_type_can_only_seal_fields_that_it_has_and_defaults_may_name_those_of_others(report):
    types = {"ingest.document": JobType("ingest.document", 1, ingest, {})}

    found = report(
        '[defaults]\nencrypt = ["secret"]\n[jobs."ingest.document"]\nencrypt = ["note", "nots"]', types=types
    )

    problem = "jobs.\"ingest.document\".encrypt: unknown field 'nots': did you mean 'note'?"
    assert [f"jobs.toml:4: {problem}"] == list(map(str, found.errors))


def test_an_unknown_field_to_seal_is_told_by_the_variable_that_names_it(write):
    types = {"ingest.document": JobType("ingest.document", 1, ingest, {})}
    config = read(None, {"JOBFRAME__JOBS__INGEST_DOCUMENT__ENCRYPT": '["nots"]', "JOBFRAME_KEYS": KEY})

    (problem,) = check(config, types, [INGEST]).errors

    assert f"{problem}".startswith("JOBFRAME__JOBS__INGEST_DOCUMENT__ENCRYPT: unknown field 'nots'")


@pytest.mark.parametrize("environ", [{}, {"JOBFRAME_KEYS": KEY}], ids=["no key", "a key"])
@pytest.mark.parametrize("handler", [ingest, charge])
def test_a_type_that_cannot_be_sealed_for_want_of_a_key_is_warned_of(write, environ, handler):
    write("" if handler is charge else '[defaults]\nencrypt = ["note"]')
    config = read(None, environ)

    found = check(config, {"ingest.it": JobType("ingest.it", 1, handler, {})}, [INGEST])

    problem = (
        'jobs."ingest.it": has restricted fields (note), and JOBFRAME_KEYS holds no key: none of its jobs can be '
        "enqueued or run here; `jobframe keys new` makes a key"
    )
    assert [] == list(found.errors)
    assert ([] if environ else [problem]) == list(map(str, found.warnings))


def test_an_unknown_type_is_told_when_there_are_no_types_at_all(report):
    found = report('[jobs."a.b"]', types={})

    assert "unknown job type 'a.b': none are installed" == found.errors[0].message


def test_an_unknown_type_names_the_broken_plugins_that_may_have_it(report):
    found = report('[jobs."letters.send"]', BROKEN)

    assert found.errors[0].message.endswith(" (plugins that could not be loaded: reembed)")


@pytest.mark.parametrize("plugin", [BROKEN, OLD])
@pytest.mark.parametrize("table", ['jobs."{}.document"', "settings.{}"])
def test_a_table_of_a_broken_plugin_is_told_as_the_plugins_fault(report, plugin, table):
    header = table.format(plugin.name)

    found = report(f"\n[{header}]", plugin)

    assert () == found.errors
    assert [f"plugin {plugin.name}: {plugin.state}: {plugin.error}; needed for {header} (jobs.toml:2)"] == [
        str(error) for error in found.broken
    ]
    assert () == found.warnings


def test_a_broken_plugin_is_told_once_however_often_it_is_named(report):
    found = report('[jobs."reembed.document"]\n[jobs."reembed.collection"]\n[settings.reembed]', BROKEN)

    assert ["reembed"] == [error.plugin for error in found.broken]


def test_a_broken_plugin_that_nothing_names_is_a_warning(report):
    found = report("", BROKEN)

    assert ((), ()) == (found.errors, found.broken)
    assert ["plugin reembed of jobframe-reembed is failed: ImportError: no numpy"] == [
        str(warning) for warning in found.warnings
    ]


@pytest.mark.parametrize("header", ['jobs."mail.send"', "settings.mail"])
def test_a_table_of_a_disabled_plugin_is_a_warning(report, header):
    found = report(f"[{header}]", OFF)

    assert ((), ()) == (found.errors, found.broken)
    assert [f"jobs.toml:1: {header}: has no effect: plugin mail is not loaded (disabled by [plugins] disable)"] == [
        str(warning) for warning in found.warnings
    ]


def test_settings_of_an_unknown_plugin_are_told_with_the_nearest_one(report):
    found = report("[settings.ingst]\nx = 1")

    assert ["jobs.toml:1: settings.ingst: unknown plugin 'ingst': did you mean 'ingest'?"] == list(
        map(str, found.errors)
    )


def test_settings_of_a_plugin_that_takes_none_are_told(report):
    found = report("[settings.ingest]", with_settings=())

    assert "plugin ingest takes no settings: remove the table" == found.errors[0].message


def test_names_of_plugins_that_are_not_installed_are_warnings(report):
    found = report('[plugins]\nallow = ["jobframe-ingst>=1"]\ndisable = ["ingst", "acme-mail", "mail"]', OFF)

    assert () == found.errors
    assert [
        "jobs.toml:2: plugins.allow[0]: no installed plugin comes in 'jobframe-ingst': did you mean 'jobframe-ingest'?",
        "jobs.toml:3: plugins.disable[0]: no plugin 'ingst' is installed: did you mean 'ingest'?",
    ] == list(map(str, found.warnings))


@pytest.mark.parametrize(
    ("allow", "errors"),
    [
        ('["acme-mail>=1", "Acme_Mail<1"]', []),
        ('["acme-mail==1.5rc1"]', []),
        (
            '["acme-mail>=2", "acme-mail==1.4.*"]',
            ["version 1.5rc1 of acme-mail is installed, >=2 or ==1.4.* is allowed: install one that fits"],
        ),
    ],
)
def test_an_allowed_plugin_of_another_version_is_an_error(report, allow, errors):
    found = report(f"[plugins]\nallow = {allow}", Plugin("mail", "acme-mail", version="1.5rc1"))

    assert errors == [each.message for each in found.errors]


def test_the_name_of_a_loaded_plugin_is_its_own_whatever_else_goes_by_it(report):
    found = report(
        '[settings.ingest]\n[plugins]\nallow = ["jobframe-ingest"]',
        Plugin("ingest", "evil-ingest", "disabled", "evil-ingest is not in [plugins] allow"),
    )

    assert ((), (), ()) == (found.errors, found.broken, found.warnings)


def test_a_handler_cannot_run_where_its_kind_does_not_fit(report, asynchronous, plain):
    types = {"a": asynchronous("a"), "b": plain("b"), "c": plain("c")}

    found = report('[jobs.a]\nrun_in = "thread"\n[jobs.b]\nrun_in = "loop"\n[jobs.c]\nrun_in = "process"', types=types)

    assert [
        'jobs.toml:2: jobs.a.run_in: an async def handler cannot run in "thread", only in "loop" or "process": a',
        'jobs.toml:4: jobs.b.run_in: a plain def handler cannot run in "loop", only in "thread" or "process": b',
    ] == list(map(str, found.errors))


def test_a_default_place_that_does_not_fit_is_told_once_with_the_types_it_does_not_fit(report, asynchronous, plain):
    types = {"a": asynchronous("a"), "b": plain("b"), "c": plain("c"), "d": plain("d")}

    found = report('[defaults]\nrun_in = "loop"\n[jobs.d]\nrun_in = "thread"', types=types)

    assert [
        'jobs.toml:2: defaults.run_in: a plain def handler cannot run in "loop", only in "thread" or "process": b, c'
    ] == list(map(str, found.errors))


def test_a_limit_on_handlers_that_cannot_be_stopped_is_a_warning_that_names_the_cure(report, asynchronous, plain):
    types = {
        "a": asynchronous("a"),
        "b": plain("b"),
        "c": plain("c", run_in="process"),
        "d": plain("d", concurrency=1),
        "e": plain("e"),
    }

    found = report("[jobs.a]\nconcurrency = 1\n[jobs.b]\nconcurrency = 1\n[jobs.c]\nconcurrency = 1", types=types)

    assert () == found.errors
    assert [
        (4, "jobs.b.concurrency"),
        (0, "jobs.d.concurrency"),
    ] == [(warning.line, warning.path) for warning in found.warnings]
    assert all('run_in = "process"' in warning.message for warning in found.warnings)


def test_a_timeout_longer_than_the_grace_is_fine(report):
    found = report('[runtime]\ngrace = "1s"\n[defaults]\ntimeout = "1h"')

    assert ((), ()) == (found.errors, found.warnings)


def test_a_missing_type_of_a_broken_plugin_is_the_plugins_fault():
    error = missing("reembed.document", {}, [INGEST, BROKEN])

    assert isinstance(error, PluginError)
    assert "plugin reembed: failed: ImportError: no numpy; so job type 'reembed.document' is not available" == (
        str(error)
    )


def test_a_missing_type_of_nobody_is_unknown_and_told_with_the_nearest_one(asynchronous):
    error = missing("ingest.documnt", {"ingest.document": asynchronous("ingest.document")}, [INGEST, BROKEN])

    assert isinstance(error, UnknownJobType)
    assert "ingest.document" == error.nearest


@attrs.frozen
class Embed:
    document_id: str
    note: str = ""
    secret: str = jobframe.restricted(default="")


async def embed(ctx, payload: Embed):
    """Do nothing."""


EMBED = {"ingest.embed": JobType("ingest.embed", 1, embed, {})}
SEALED = "is sealed: nothing may depend on its value, for a digest of it could be guessed"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (
            '[jobs."ingest.embed"]\nunique = { by = ["notes"] }',
            '2: jobs."ingest.embed"',
            "unknown field 'notes': did you",
        ),
        ('[defaults]\nunique = { by = ["secret"] }', "2: defaults", f"field 'secret' {SEALED}"),
        (
            '[jobs."ingest.embed"]\nencrypt = ["note"]\n[jobs."ingest.embed".unique]\nby = ["note"]',
            '4: jobs."ingest.embed"',
            f"field 'note' {SEALED}",
        ),
    ],
)
def test_jobs_are_equal_only_by_fields_that_there_are_and_that_are_not_sealed(report, text, place, problem):
    (found,) = report(text, types=EMBED).errors

    assert str(found).startswith(f"jobs.toml:{place}.unique.by: ingest.embed: {problem}")


def test_a_type_with_sealed_fields_cannot_replace(report):
    (found,) = report('[jobs."ingest.embed"]\nunique = { mode = "replace" }', types=EMBED).errors

    assert 'jobs.toml:2: jobs."ingest.embed".unique.mode: ingest.embed: "replace" is not for sealed fields' in str(
        found
    )


def test_fields_that_the_environment_names_are_checked_too(write):
    write("")
    config = read(None, {"JOBFRAME__JOBS__INGEST_EMBED__UNIQUE": '{ by = ["notes"] }'})

    (problem,) = check(config, EMBED, [INGEST]).errors

    assert "JOBFRAME__JOBS__INGEST_EMBED__UNIQUE: ingest.embed: unknown field 'notes'" in str(problem)


def test_a_window_that_outlasts_the_records_is_a_warning(report):
    (found,) = report('[jobs."ingest.embed"]\nunique = { window = "1d" }', types=EMBED).warnings
    fitting = report('[jobs."ingest.embed"]\nunique = { window = "1d" }\nkeep_result = "1d"', types=EMBED)

    assert str(found).startswith(
        'jobs.toml:2: jobs."ingest.embed".unique: ingest.embed: the window outlasts keep_result'
    )
    assert () == fitting.warnings


def test_a_window_of_the_author_is_told_without_a_line(report):
    types = {"ingest.embed": JobType("ingest.embed", 1, embed, {"unique": {"window": "1d"}})}

    (warning,) = report("", types=types).warnings

    assert ("", 0) == (warning.file, warning.line)


def test_a_resource_that_nobody_declares_is_told_with_its_line_and_the_nearest_name(report):
    found = report('[resources]\ngpus = 2\n[jobs."ingest.document"]\nuses = ["gpu:1"]')

    message = "resource 'gpu' is not declared in [resources]: did you mean 'gpus'? (used by ingest.document)"
    assert [f'jobs.toml:4: jobs."ingest.document".uses: {message}'] == list(map(str, found.errors))


def test_a_resource_that_the_author_uses_must_be_declared_too(report, asynchronous):
    types = {"a": asynchronous("a", uses=["gpu"]), "b": asynchronous("b", uses=["gpu:2"])}

    assert ["jobs.a.uses", "jobs.b.uses"] == [problem.path for problem in report("", types=types).errors]
    assert () == report("[resources]\ngpu = 2", types=types).errors


def test_a_default_that_does_not_fit_the_resources_is_told_once(report, asynchronous):
    types = {"a": asynchronous("a"), "b": asynchronous("b")}

    found = report('[resources]\ngpu = 2\n[defaults]\nuses = ["gpu:3"]', types=types)

    assert [
        "jobs.toml:4: defaults.uses: a job takes 3 of 'gpu', of which [resources] declares 2 (used by a, b)"
    ] == list(map(str, found.errors))


def test_a_variable_that_names_an_unknown_resource_is_told_by_its_name(write, asynchronous):
    write("[resources]\ngpu = 2")
    variable = "JOBFRAME__JOBS__A__USES"

    found = check(read(None, {variable: '["cpu:1"]'}), {"a": asynchronous("a")}, [INGEST])

    assert [(variable, "resource 'cpu' is not declared in [resources]: did you mean 'gpu'? (used by a)")] == [
        (problem.file, problem.message) for problem in found.errors
    ]


def test_a_plain_def_with_uses_is_warned_of_as_one_with_concurrency(report, plain):
    found = report('[resources]\ngpu = 1\n[defaults]\nuses = ["gpu"]', types={"a": plain("a")})

    assert ["defaults.uses"] == [problem.path for problem in found.warnings]
    assert "one job more than uses says" in found.warnings[0].message


@attrs.frozen
class Report:
    tenant: str = ""
    note: str = restricted(default="")


async def build(ctx, payload: Report):
    """Do nothing."""


@pytest.mark.parametrize(
    ("field", "why"),
    [("tenat", "unknown field 'tenat': did you mean 'tenant'?"), ("note", "field 'note' is sealed")],
)
def test_a_group_by_a_field_that_cannot_group_is_told_with_its_line(report, field, why):
    text = f'[jobs."report.build"]\n\ngroup = {{ by = "{field}", concurrency = 2 }}'

    (problem,) = report(text, types={"report.build": JobType("report.build", 1, build, {})}).errors

    assert str(problem).startswith(f'jobs.toml:3: jobs."report.build".group: report.build: group by: {why}')


def test_a_group_by_a_field_that_the_deployment_seals_is_refused(report):
    text = '[jobs."report.build"]\nencrypt = ["tenant"]\ngroup = { by = "tenant", concurrency = 2 }'

    found = report(text, types={"report.build": JobType("report.build", 1, build, {})})

    assert ["group by: field 'tenant' is sealed" in problem.message for problem in found.errors] == [True]
