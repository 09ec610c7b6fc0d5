"""Which policies were in force: the last ones are kept, with who and when, and an older file undoes none of them."""

import json

import pytest

from jobframe.core.policy import Policy
from jobframe.store import policies
from tests.conformance.world import HOUR, SECOND, START_MS, job_type

LONG_AGO = START_MS - HOUR


async def apply(world, retries):
    world.now += SECOND
    await policies.apply(world.store, [policies.document(job_type("a"), Policy(max_retries=retries), "me@box")])


async def start(world, worker, retries, file):
    """Start a worker whose file was edited long ago; returns the retries in force after it."""
    world.now += SECOND
    in_force = await world.join(worker, "a", max_retries=retries, file=file, edited_ms=LONG_AGO)
    return in_force["a"].policy.max_retries


async def test_the_last_20_policies_of_a_type_are_kept_the_newest_first(world):
    await world.join("w1", "a", max_retries=1)
    for retries in range(2, 26):
        await apply(world, retries)

    history = await policies.history(world.store, "a")

    assert list(range(25, 5, -1)) == [each.version for each in history]
    assert list(range(25, 5, -1)) == [each.policy.max_retries for each in history]
    assert (await policies.read(world.store))["a"] == history[0]
    assert ("me@box", world.now) == (history[0].by, history[0].at)
    assert SECOND == history[0].at - history[1].at


async def test_what_is_in_force_already_makes_no_history(world):
    await world.join("w1", "a")
    await world.join("w2", "a")
    await apply(world, Policy().max_retries)

    assert 1 == len(await policies.history(world.store, "a"))


async def test_a_variable_set_back_to_an_earlier_value_holds_again(world):
    assert [1, 7, 1] == [await start(world, f"w{retries}-{at}", retries, "f") for at, retries in enumerate((1, 7, 1))]


async def test_a_restart_with_an_old_environment_does_not_undo_what_an_operator_applied(world):
    await start(world, "w1", 1, "f")
    await apply(world, 5)

    assert 5 == await start(world, "w2", 1, "f")


async def test_a_restart_with_an_old_environment_does_not_undo_a_newer_file(world):
    for worker, retries, file in (("w1", 1, "f"), ("w2", 2, "f"), ("w3", 3, "g")):
        await start(world, worker, retries, file)

    assert [3, 3] == [await start(world, "w4", 1, "f"), await start(world, "w5", 2, "f")]


async def test_other_code_with_the_same_file_counts_as_an_older_file():
    first = policies.document(job_type("a"), Policy(), "w1", "f")
    other = policies.document(job_type("b"), Policy(), "w1", "f")
    assert first.source != other.source
    assert first.source == policies.document(job_type("a"), Policy(max_retries=9), "w2", "f").source
    assert "" == policies.document(job_type("a"), Policy(), "me@box").source


@pytest.fixture
def changed(hands, folder, cli):
    """A type whose policy was announced by a worker and then changed twice by an operator."""
    hands.announce("maintenance.doctor", worker="w1")
    for lines in ('[jobs."maintenance.doctor"]\nmax_retries = 8\n', 'timeout = "7m"\n'):
        with (folder / "jobs.toml").open("a") as file:
            file.write(lines)
        assert 0 == cli("apply")[0]


def test_the_history_of_a_type_says_version_time_person_and_change(changed, cli_json, cli):
    newest, second, first = cli_json("config", "maintenance.doctor", "--history")

    assert [3, 2, 1] == [each["version"] for each in (newest, second, first)]
    assert [{"key": "timeout", "before": '"1h"', "after": '"7m"'}] == newest["changes"]
    assert {"key": "max_retries", "before": "3", "after": "8"} in second["changes"]
    assert ([], "w1") == (first["changes"], first["by"])
    assert "@" in newest["by"]
    assert newest["at"] > first["at"]
    shown = cli("config", "maintenance.doctor", "--history")[1].splitlines()
    assert ["VERSION", "AT", "BY", "KEY", "BEFORE", "AFTER"] == shown[0].split()
    assert ["3", newest["at"], newest["by"], "timeout", '"1h"', '"7m"'] == shown[1].split()


def test_a_history_needs_a_type_that_was_announced(hands, cli):
    assert 2 == cli("config", "--history")[0]
    hands.announce("maintenance.doctor")
    code, _, err = cli("config", "maintenance.docter", "--history")
    assert (1, True) == (code, "did you mean 'maintenance.doctor'?" in err)


def test_a_history_is_asked_of_the_server_and_needs_no_plugin(hands, cli):
    hands.announce("gone.type")
    assert json.loads(cli("config", "gone.type", "--history", "--json")[1])[0]["version"] == 1
