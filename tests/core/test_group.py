"""Groups: how they are written, which payloads can have them, and which jobs are of one."""

import attrs
import pytest

from jobframe.core.errors import PayloadError
from jobframe.core.group import Group, group_of, parse_group
from jobframe.core.jobtype import JobType
from jobframe.core.payload import restricted
from jobframe.core.policy import Policy

TENANT = Group("tenant", 2)


def test_a_group_is_a_field_and_how_many():
    assert TENANT == parse_group({"by": "tenant", "concurrency": 2})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("tenant", 'expected a table such as { by = "tenant", concurrency = 2 }'),
        (None, "expected a table"),
        ({"by": "tenant", "limit": 2}, "unknown key 'limit' of group: known are by, concurrency"),
        ({"by": 3, "concurrency": 2}, "group by: expected the name of a field"),
        ({"by": "a.b", "concurrency": 2}, "group by: expected the name of a field"),
        ({"by": "a", "concurrency": 0}, "group concurrency: expected a whole number from 1 to 1000000, got 0"),
        ({"by": "a", "concurrency": True}, "group concurrency: expected a whole number from 1 to 1000000, got true"),
        ({"by": "a", "concurrency": "2"}, "group concurrency: expected a whole number"),
        ({"by": "a"}, "lacks concurrency"),
        ({"concurrency": 2}, "lacks by"),
        ({}, "lacks by"),
    ],
)
def test_anything_else_is_refused(value, problem):
    with pytest.raises(ValueError, match="^" + problem.replace("{", r"\{").replace("}", r"\}").replace(".", r"\.")):
        parse_group(value)


@attrs.frozen
class Report:
    tenant: str = ""
    note: str = restricted(default="")


async def handler(ctx, payload: Report):
    """Do nothing."""


def test_a_type_cannot_be_declared_with_a_group_it_cannot_have():
    assert TENANT == JobType("a", 1, handler, {"group": {"by": "tenant", "concurrency": 2}}).policy["group"]
    with pytest.raises(ValueError, match="job type a: group by: field 'note' is sealed"):
        JobType("a", 1, handler, {"group": {"by": "note", "concurrency": 2}})


def test_jobs_with_one_value_are_of_one_group():
    def of(body, group=TENANT):
        return group_of(group, "a", body)

    assert of(b'{"tenant":"x"}') == of(b'{"note":"y","tenant":"x"}') == of(b'{"tenant":"x"}', Group("tenant", 9))
    values = (b'"x"', b'"y"', b"1", b'"1"', b"true", b"null")
    assert len(values) == len({of(b'{"tenant":' + value + b"}") for value in values})
    assert of(b"{}") == of(b'{"tenant":null}')
    assert of(b'{"tenant":"x"}') != of(b'{"other":"x"}', Group("other", 2))


@pytest.mark.parametrize("value", [b"[1]", b'{"a":1}'])
def test_a_list_or_an_object_makes_no_group_and_is_not_shown(value):
    with pytest.raises(PayloadError, match="expected a text, a number, true, false or null in it") as refused:
        group_of(TENANT, "a", b'{"tenant":' + value + b"}")
    assert value.decode() not in str(refused.value)


def test_a_policy_with_a_group_is_exclusive():
    assert Policy(group=TENANT).exclusive
