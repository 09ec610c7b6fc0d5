"""Drift: whose file says another policy than is in force, as everybody who looks can see."""

import pytest

from jobframe.store import inspect
from tests.fleet.workers import until
from tests.policy.test_10_apply import command

SLOTS = '[jobs."work.loop"]\nconcurrency = {}'


async def differs(world):
    return {each.worker: each.differs for each in await inspect.workers(world.store)}


async def test_the_worker_whose_file_is_not_in_force_is_shown_with_the_types(world):
    await world.join("w1", "a", "b", concurrency=1)
    await world.join("w2", "a", concurrency=2)

    assert {"w1": ("a",), "w2": ()} == await differs(world)


async def test_a_worker_that_follows_has_no_say_and_no_drift(world):
    await world.join("w1", "a", concurrency=1)
    await world.join("w2", "a", concurrency=2, apply=False)

    assert {"w1": (), "w2": ()} == await differs(world)


@pytest.fixture
def two_files(hands, folder):
    """Two workers: the first one's file is no longer in force; and this folder's is that of the second."""
    hands.announce("maintenance.doctor", worker="w1", max_retries=1)
    hands.announce("maintenance.doctor", worker="w2", max_retries=2)


def test_workers_shows_for_which_types_a_file_differs(two_files, cli_json, cli):
    assert {"w1": ["maintenance.doctor"], "w2": []} == {each["worker"]: each["differs"] for each in cli_json("workers")}
    header, *rows = cli("workers")[1].splitlines()
    assert header.endswith("FILE DIFFERS FOR")
    assert [2, 1] == [row.count("maintenance.doctor") for row in sorted(rows, key=lambda row: "w2" in row)]


def test_plan_and_check_name_the_worker_whose_file_differs(two_files, cli):
    line = "the file of worker w1 on box differs from what is in force for maintenance.doctor"
    for words in (("plan",), ("check", "--store")):
        code, _, err = cli(*words)
        assert (0, 1) == (code, err.count(line)), words
        assert "worker w2" not in err


async def test_an_apply_from_the_workers_own_edited_file_leaves_no_drift(fleet):
    fleet.configure(SLOTS.format(1))
    await fleet.start(2)
    fleet.configure(SLOTS.format(2))
    old = (await inspect.workers(fleet.jobs.store))[0].member.digests["work.loop"]

    await command(fleet, "apply")

    async def read_again():
        found = await inspect.workers(fleet.jobs.store)
        return old not in {each.member.digests["work.loop"] for each in found} and not any(
            each.differs for each in found
        )

    await until(read_again, "both workers have read their file again")
