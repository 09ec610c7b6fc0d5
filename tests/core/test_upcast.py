"""Old payloads in the shape of today."""

import msgspec
import pytest

from jobframe.core.errors import PayloadError
from jobframe.core.jobtype import JobType
from jobframe.core.upcast import upcast


async def handler(ctx):
    """Do nothing."""


def made(function):
    return JobType("a.b", 3, handler, {}, None, function)


def same(version, fields):
    return fields


def nothing(version, fields):
    return None


def raises(version, fields):
    raise KeyError(fields["secret"])


def test_without_a_function_the_bytes_stay_as_they_are():
    assert b'{"a": 1}' == upcast(made(None), 1, msgspec.Raw(b'{"a": 1}'))


def test_the_function_is_given_the_version_and_the_fields():
    body = upcast(made(lambda version, fields: {"n": fields["a"] + version}), 2, b'{"a":1}')

    assert {"n": 3} == msgspec.json.decode(body)


@pytest.mark.parametrize(
    ("function", "body", "problem"),
    [
        (raises, b'{"secret":"hunter2"}', "upcast from version 1 raised KeyError"),
        (nothing, b"{}", "upcast from version 1 returned NoneType, not a dict"),
        (same, b"[1]", "upcast from version 1 returned list, not a dict"),
    ],
)
def test_its_mistakes_are_told_without_the_values(function, body, problem):
    with pytest.raises(PayloadError) as refused:
        upcast(made(function), 1, body)

    assert problem == refused.value.problem


@pytest.mark.parametrize(("version", "function"), [(1, same), (2, "rename"), (2, handler)])
def test_it_is_a_function_and_makes_sense_from_version_2_on(version, function):
    with pytest.raises(ValueError, match="upcast must be a plain function"):
        JobType("a.b", version, handler, {}, None, function)
