"""``[schedules.*]``: what it may say, and how its mistakes are told with file and line."""

import pytest

from jobframe.config.check import check
from jobframe.config.reader import read
from jobframe.core.errors import ConfigError
from jobframe.core.jobtype import JobType
from jobframe.core.keyring import written
from jobframe.core.schedule import Schedule
from tests.config.payloads import Source


async def handler(ctx, payload: Source):
    """Do nothing."""


SYNC = JobType("sync.source", 1, handler, {})


def problems_of(write, text):
    write(text)
    with pytest.raises(ConfigError) as raised:
        read(None, {})
    return str(raised.value).splitlines()


def report(write, text, environ=None):
    write(text)
    return check(read(None, {"JOBFRAME_KEYS": written("k1", b"1" * 32), **(environ or {})}), {"sync.source": SYNC}, [])


def test_a_schedule_is_read_with_its_defaults(write):
    write('[schedules.often]\njob = "sync.source"\nevery = "15m"')

    assert {"often": Schedule(name="often", job="sync.source", every_ms=900_000)} == read(None, {}).schedules


def test_every_key_is_read(write):
    write("""
        [schedules.nightly]
        job = "sync.source"
        cron = "0  2 * * *"
        tz = "Europe/Berlin"
        payload = { source = "docs", since = 2026-01-01 }
        overlap = "queue-one"
        misfire = "once"
    """)
    assert {
        "nightly": Schedule(
            name="nightly",
            job="sync.source",
            cron="0 2 * * *",
            tz="Europe/Berlin",
            payload={"source": "docs", "since": "2026-01-01"},
            overlap="queue-one",
            misfire="once",
        )
    } == read(None, {}).schedules


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("every = 15", 'nightly.every: expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got 15'),
        ('every = "999ms"', "nightly.every: expected 1s or longer, got 999ms"),
        (
            'cron = "0 2 * *"',
            "nightly.cron: expected five fields (minute, hour, day of month, month, day of week), got",
        ),
        ('cron = "0 25 * * *"', "nightly.cron: wrong hour in '0 25 * * *'"),
        ('cron = "0 2 * * *"\ntz = "Europe/Berln"', "nightly.tz: unknown time zone 'Europe/Berln': did you mean"),
        ('every = "1h"\ncron = "0 2 * * *"', "nightly.cron: set every or cron, not both"),
        ('every = "1h"\ntz = "UTC"', "nightly.tz: belongs to cron: the multiples of every are counted in UTC"),
        ("", 'nightly: says not when: set every = "15m" or cron = "0 2 * * *"'),
        ('every = "1h"\noverlap = "queue"', "nightly.overlap: expected one of skip, queue-one, allow"),
        ('every = "1h"\nmisfire = "all"', "nightly.misfire: expected one of skip, once"),
        ('every = "1h"\npayload = "docs"', "nightly.payload: expected a table, got text"),
        ('every = "1h"\nevry = "1h"', "nightly.evry: unknown key 'evry': did you mean 'every'?"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_right(write, text, problem):
    (told,) = problems_of(write, f'[schedules.nightly]\njob = "sync.source"\n{text}')

    assert f"schedules.{problem}" in told
    assert told.startswith("jobs.toml:")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[schedules.nightly]\nevery = '1h'", "schedules.nightly.job: is missing"),
        ("[schedules]\nnightly = 1", "schedules.nightly: expected a table, got a whole number"),
        ("[schedules.'a b']\njob = 'a'", "expected a name of 1 to 64 letters, digits, '_', '.' or '-'"),
        ("schedules = 5", "schedules: expected a table for each schedule, got a whole number"),
    ],
)
def test_what_is_no_schedule_is_told(write, text, problem):
    assert problem in "\n".join(problems_of(write, text))


def test_a_key_may_come_from_the_environment(write):
    write('[schedules.often]\njob = "sync.source"\nevery = "15m"')

    assert 60_000 == read(None, {"JOBFRAME__SCHEDULES__OFTEN__EVERY": "1m"}).schedules["often"].every_ms
    with pytest.raises(ConfigError, match=r"JOBFRAME__SCHEDULES__OFTEN__EVERY: schedules.often.every: expected 1s or"):
        read(None, {"JOBFRAME__SCHEDULES__OFTEN__EVERY": "1ms"})


def test_a_fitting_schedule_has_nothing_to_report(write):
    found = report(write, '[schedules.often]\njob = "sync.source"\nevery = "1h"\npayload = { source = "docs" }')

    assert ((), ()) == (found.errors, found.warnings)


@pytest.mark.parametrize(
    ("text", "line", "path", "message"),
    [
        ('job = "sync.sorce"\nevery = "1h"', 2, "job", "unknown job type 'sync.sorce': did you mean 'sync.source'?"),
        ('job = "sync.source"\ncron = "0 0 */9 * MON#5"\npayload = { source = "d" }', 3, "cron", "can never fire"),
        ('job = "sync.source"\nevery = "1h"', 1, "payload", "missing required field `source`"),
        ('job = "sync.source"\nevery = "1h"\npayload = { source = 1 }', 4, "payload", "Expected `str`, got `int`"),
        ('job = "sync.source"\nevery = "1h"\npayload = { sorce = "CANARY" }', 4, "payload", "unknown field 'sorce'"),
        ('job = "sync.source"\nevery = "1h"\npayload = { source = "d", token = "CANARY" }', 4, "payload", "sets token"),
    ],
)
def test_what_can_never_work_with_the_job_type_is_an_error(write, text, line, path, message):
    (problem,) = report(write, f"[schedules.often]\n{text}").errors

    assert (line, f"schedules.often.{path}") == (problem.line, problem.path)
    assert message in problem.message
    assert "CANARY" not in str(problem)


def test_a_field_that_the_deployment_has_sealed_may_not_be_set_in_clear_either(write):
    schedule = '[schedules.often]\njob = "sync.source"\nevery = "1h"\npayload = { source = "CANARY" }'

    (problem,) = report(write, f'{schedule}\n[jobs."sync.source"]\nencrypt = ["source"]').errors

    assert ("schedules.often.payload", 4) == (problem.path, problem.line)
    assert problem.message.startswith("sets source, which is never kept in clear")


@pytest.mark.parametrize(("concurrency", "warnings"), [("", 1), ("concurrency = 2", 1), ("concurrency = 1", 0)])
def test_queue_one_warns_where_the_second_job_would_not_wait(write, concurrency, warnings):
    schedule = '[schedules.often]\njob = "sync.source"\nevery = "1h"\npayload = { source = "d" }\noverlap = "queue-one"'

    found = report(write, f'{schedule}\n[jobs."sync.source"]\n{concurrency}').warnings

    assert ["schedules.often.overlap"] * warnings == [each.path for each in found]


def test_a_schedule_of_a_plugin_that_is_off_has_no_effect(write):
    class Off:
        name, distribution, version = "sync", "jobframe-sync", "1.0"
        state, error = "disabled", "disabled by [plugins] disable"

    write('[schedules.often]\njob = "sync.other"\nevery = "1h"')
    found = check(read(None, {}), {}, [Off])

    assert () == found.errors
    assert ["schedules.often.job"] == [each.path for each in found.warnings]
