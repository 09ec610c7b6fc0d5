"""``jobframe schedules``, ``schedules fire``, and schedules in ``plan``, ``apply``, ``check`` and ``up``."""

import asyncio
import datetime as dt
import json

import pytest

from jobframe.config.schedule_changes import schedule_changes
from jobframe.core import clock
from jobframe.core.schedule import Schedule
from jobframe.store import schedules
from jobframe.store.store import Store

DOCTOR = "maintenance.doctor"
TABLES = """
[schedules.nightly]
job = "maintenance.doctor"
cron = "0 2 * * *"
tz = "Europe/Berlin"
misfire = "once"

[schedules."a.b"]
job = "maintenance.purge"
every = "15m"
payload = { state = "failed" }
"""


@pytest.fixture
def scheduled(hands, folder):
    """A jobs.toml with two schedules; answers how to write others behind the address of the server."""
    address = (folder / "jobs.toml").read_text() + "[plugins]\nallow = []\n"

    def write(tables):
        (folder / "jobs.toml").write_text(address + tables)

    write(TABLES)
    return write


def in_force(hands):
    async def read():
        store = Store(hands.url, hands.namespace)
        try:
            return (await schedules.read(store)).schedules
        finally:
            await store.aclose()

    return asyncio.run(read())


def test_without_any_it_says_how_to_have_one(hands, cli):
    code, out, _ = cli("schedules")

    assert (0, True) == (code, "No schedule is in force: write [schedules.NAME]" in out)


def test_what_is_in_force_is_shown_with_its_next_five_slots(scheduled, cli):
    cli("apply")
    code, out, err = cli("schedules")
    rows = [line.split() for line in out.splitlines()]

    assert (0, "") == (code, err)
    assert ["nightly", DOCTOR, *["0", "2", "*", "*", "*", "Europe/Berlin", "skip", "once", "0", "0", "0", "-"]] in rows
    assert ["a.b", "maintenance.purge", *["every", "15m", "skip", "skip", "0", "0", "0", "-"]] in rows
    (nightly,) = [row for row in rows if row[:1] == ["nightly"] and row[1] != DOCTOR]
    assert (["02:00:00"] * 5, 5) == (nightly[2::3], len(set(nightly[1::3])))
    assert set(nightly[3::3]) <= {"CET", "CEST"}


def test_json_has_the_next_five_slots_in_utc(scheduled, cli, cli_json):
    cli("apply")
    often, nightly = cli_json("schedules")

    assert ("a.b", "15m", None) == (often["schedule"], often["every"], often["cron"])
    assert ("0 2 * * *", "Europe/Berlin", "once") == (nightly["cron"], nightly["tz"], nightly["misfire"])
    now_ms, quarter = clock.wall_ms(), 900_000
    slots = [clock.to_ms(dt.datetime.fromisoformat(text)) for text in often["next"]]
    assert [slots[0] + n * quarter for n in range(5)] == slots
    assert now_ms - quarter < slots[0] <= now_ms + quarter
    assert "state" not in json.dumps(often)  # a payload is not shown


def test_one_is_fired_by_hand(scheduled, hands, cli, cli_json):
    cli("apply")
    code, out, err = cli("schedules", "fire", "nightly")

    assert (0, "") == (code, err)
    assert out.startswith(f"{DOCTOR}:nightly@")
    assert [out.strip()] == [job["id"] for job in cli_json("list", "--type", DOCTOR)["jobs"]]
    assert 1 == in_force(hands)["nightly"].fired


def test_a_name_that_is_not_in_force_is_told_with_the_nearest(scheduled, cli):
    cli("apply")
    code, _, err = cli("schedules", "fire", "nigtly")

    assert (1, "error: no schedule 'nigtly' is in force: did you mean 'nightly'?\n") == (code, err)


def test_plan_tells_of_schedules_that_come_change_and_go_and_changes_nothing(scheduled, hands, cli, cli_json):
    come = {each["key"]: each for each in cli_json("plan") if each["key"] != "policy"}  # of types nobody announced
    assert {"schedules.nightly", 'schedules."a.b"'} == come.keys()
    assert ("none", "0 2 * * * Europe/Berlin") == (
        come["schedules.nightly"]["before"],
        come["schedules.nightly"]["after"],
    )
    assert come["schedules.nightly"]["consequence"].startswith("fires next at 20")
    assert {} == in_force(hands)

    assert "and 2 schedules." in cli("apply")[1]
    assert [] == cli_json("plan")

    scheduled(TABLES.replace("0 2 *", "0 3 *").partition('[schedules."a.b"]')[0])
    assert [
        ("schedules.nightly.cron", '"0 2 * * *"', '"0 3 * * *"'),
        ('schedules."a.b"', "every 15m", "none"),
    ] == [
        (each["key"], each["before"], each["after"])
        for each in sorted(cli_json("plan"), key=lambda each: each["before"])
    ]
    assert "`jobframe apply` puts this in force for 2 schedules." in cli("plan")[1]
    cli("apply")
    assert {"nightly": "0 3 * * *"} == {name: each.in_force.schedule.cron for name, each in in_force(hands).items()}


def test_apply_says_who_put_a_schedule_in_force(scheduled, hands, cli):
    cli("apply")

    assert "@" in in_force(hands)["nightly"].in_force.by


def test_check_counts_schedules_and_tells_what_is_wrong_with_them(scheduled, cli, cli_json):
    assert "2 schedules" in cli("check")[1]
    assert 2 == cli_json("check")["schedules"]

    scheduled(TABLES.replace("maintenance.doctor", "maintenance.docter").replace("state", "stat"))
    code, _, err = cli("check")
    assert 3 == code
    assert "schedules.nightly.job: unknown job type 'maintenance.docter': did you mean 'maintenance.doctor'?" in err
    assert "schedules.\"a.b\".payload: does not fit job type maintenance.purge: unknown field 'stat'" in err


def test_check_tells_of_a_schedule_in_force_that_differs(scheduled, cli):
    cli("apply")
    assert "schedules." not in cli("check", "--store")[2]
    scheduled(TABLES.replace("15m", "20m"))

    assert 'schedules."a.b": another one than this file\'s is in force' in cli("check", "--store")[2]


def test_a_payload_is_told_by_the_names_of_its_fields_only():
    before = {"s": Schedule(name="s", job="a", every_ms=1_000, payload={"x": "CANARY"})}
    after = {"s": Schedule(name="s", job="a", every_ms=1_000, payload={"x": "CANARIES", "y": 1})}

    (change,) = schedule_changes(before, after, lambda _: "")

    assert ("schedules.s.payload", "{ x }", "{ x, y }") == (change.key, change.before, change.after)
