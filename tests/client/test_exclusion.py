"""What makes jobs equal, as every producer sees it."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from jobframe.client.exclusion import exclusion
from jobframe.core import jobtype
from jobframe.core.errors import JobNotFound, PayloadError
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType, job
from jobframe.core.outcome import Completed
from jobframe.core.policy import Policy
from jobframe.core.unique import Unique
from jobframe.store.policies import document
from tests.conformance.world import MINUTE


@attrs.frozen
class Page:
    number: int
    part: float = 1.0
    note: str = ""
    more: dict[str, int] = attrs.field(factory=dict)


async def read(ctx, page: Page): ...
async def close(ctx): ...


READ = JobType("book.read", 1, read, {})


@pytest.fixture(autouse=True)
def own_types(monkeypatch):
    monkeypatch.setattr(jobtype, "_declared", {})


def key_of(payload, *by, job_type=READ, **policy):
    in_force = document(job_type, Policy(unique=Unique(by), **policy), "w1")
    return exclusion(json.dumps(payload).encode(), None, in_force=in_force).key


def test_values_in_the_named_fields_make_equal_and_nothing_else():
    key = key_of({"number": 1, "note": "a"}, "number")

    assert key == key_of({"note": "b", "number": 1}, "number")
    assert key != key_of({"number": 2, "note": "a"}, "number")
    assert key != key_of({"number": 1}, "number", "note")
    assert key_of({"number": 1, "part": 2}, "number", "part") != key_of({"number": 2, "part": 1}, "number", "part")


def test_a_field_left_out_counts_as_its_default():
    assert key_of({"number": 1}, "part", "note", "more") == key_of(
        {"number": 1, "part": 1, "note": "", "more": {}}, "part", "note", "more"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"part": 2}, {"part": 2.0}),
        ({"more": {"a": 1, "b": 2}}, {"more": {"b": 2, "a": 1}}),
        ({"note": "é"}, {"note": "\u00e9"}),
    ],
)
def test_one_value_written_in_two_ways_is_one(one, other):
    assert key_of({"number": 1} | one, *one) == key_of({"number": 1} | other, *one)


@pytest.mark.parametrize(
    ("one", "other"),
    [({"note": "1"}, {"note": 1}), ({"note": None}, {"note": ""}), ({"more": {"a": 1}}, {"more": {"a": True}})],
)
def test_values_of_different_kinds_are_different(one, other):
    assert key_of({"number": 1} | one, *one) != key_of({"number": 1} | other, *one)


def test_no_fields_at_all_make_every_job_of_the_type_equal():
    assert key_of({"number": 1}) == key_of({"number": 2})


def test_the_key_shows_no_value():
    assert "secret-looking" not in key_of({"number": 1, "note": "secret-looking"}, "note")
    assert 32 == len(key_of({"number": 1}, "number"))


@pytest.mark.parametrize(
    ("by", "encrypt", "problem"),
    [
        (("numbr",), (), "unknown field 'numbr': did you mean 'number'?"),
        (("note",), ("note",), "field 'note' is sealed"),
    ],
)
def test_a_policy_in_force_that_names_the_wrong_fields_is_refused_at_enqueue(by, encrypt, problem):
    in_force = document(READ, Policy(unique=Unique(by), encrypt=encrypt), "w1")

    with pytest.raises(PayloadError) as refused:
        exclusion(b"{}", None, in_force=in_force)
    assert problem in str(refused.value)


def test_a_payload_with_sealed_fields_replaces_none():
    in_force = document(READ, Policy(unique=Unique(mode="replace"), encrypt=("note",)), "w1")

    with pytest.raises(PayloadError, match='unique mode of the policy in force: "replace" is not for sealed fields'):
        exclusion(b"{}", "k", in_force=in_force)


@pytest.mark.parametrize("number", ["1e30", "1e400", "123456789012345678901234567890", "-0.0", "1.5e-320"])
def test_any_number_makes_a_key(number):
    in_force = document(READ, Policy(unique=Unique(("number",))), "w1")

    assert exclusion(b'{"number":' + number.encode() + b"}", None, in_force=in_force).key


async def test_a_producer_without_the_class_and_one_with_it_make_one_job(world):
    await world.announce(READ, unique=Unique(("number", "part")))
    first = await world.jobs.enqueue("book.read", {"number": 1})
    mine = job("book.read")(read)

    found = [
        await world.jobs.enqueue(mine, Page(1)),
        await world.jobs.enqueue("book.read", {"number": 1, "note": "other"}),
        *await world.jobs.enqueue_many([NewJob(mine, Page(1, 1.0, "x")), ("book.read", {"number": 1, "part": 1})]),
    ]

    assert [(first.id, False)] * 4 == [(handle.id, handle.created) for handle in found]
    assert (await world.jobs.enqueue(mine, Page(2))).created


async def test_enqueues_made_at_the_same_time_make_one_job(world):
    await world.announce(READ, unique=Unique(("number",)))

    handles = await asyncio.gather(*[world.jobs.enqueue("book.read", {"number": 1, "note": str(n)}) for n in range(50)])

    assert 1 == sum(handle.created for handle in handles)
    assert 1 == len({handle.id for handle in handles})


async def test_a_key_given_at_enqueue_is_stronger_and_has_the_windows_of_the_type(world):
    await world.announce(READ, unique=Unique(("number",), 10 * MINUTE))
    first = await world.jobs.enqueue("book.read", {"number": 1}, key="k")
    other = await world.jobs.enqueue("book.read", {"number": 1})
    await world.complete("w1", (await world.claim()).jobs)

    again = await world.jobs.enqueue("book.read", {"number": 2}, key="k")

    assert (True, False, first.id) == (other.created, again.created, again.id)
    assert "completed" == await again.status()


async def test_the_handle_of_a_job_that_is_no_longer_kept_says_so(world):
    await world.announce(READ, unique=Unique(("number",), 10 * MINUTE), keep_result_ms=0)
    await world.jobs.enqueue("book.read", {"number": 1})
    await world.complete("w1", (await world.claim()).jobs)
    world.now += 1
    await world.sweep()

    again = await world.jobs.enqueue("book.read", {"number": 1})

    assert not again.created
    for asked in (again.info(), again.status(), again.result(timeout=1)):
        with pytest.raises(JobNotFound):
            await asked


async def test_without_fields_only_a_given_key_makes_equal(world):
    await world.announce(READ, unique=Unique(window_ms=10 * MINUTE))

    made = [(await world.jobs.enqueue("book.read", {"number": 1}, key=key)).created for key in (None, None, "k", "k")]

    assert [True, True, True, False] == made


async def test_what_the_author_declared_holds_before_any_worker_came(world):
    mine = job("book.early", unique={"by": ["number"]})(read)

    assert [True, False, True] == [(await world.jobs.enqueue(mine, Page(n))).created for n in (1, 1, 2)]


async def test_a_policy_that_changes_holds_at_the_next_enqueue(world):
    await world.announce(READ)
    await world.jobs.enqueue("book.read", {"number": 1})
    await world.announce(READ, unique=Unique(("number",)))
    world.now += 1

    assert [True, False] == [(await world.jobs.enqueue("book.read", {"number": 1})).created for _ in range(2)]


async def test_follow_ups_are_equal_by_their_fields_too(world):
    await world.announce(READ, JobType("book.close", 1, close, {}), unique=Unique(()))
    await world.jobs.enqueue("book.close")
    (parent,) = (await world.claim()).jobs
    children = [await world.jobs.encode(NewJob("book.read", {"number": 1})) for _ in range(2)]

    assert await world.end("w1", parent, Completed(b""), follow_ups=children)

    assert 1 == (await world.counts("book.read"))["waiting"]
