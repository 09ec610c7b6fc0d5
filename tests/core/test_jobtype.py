"""Job types and their decorator."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import pytest

from jobframe.core import jobtype
from jobframe.core.batch import Job
from jobframe.core.errors import PayloadError
from jobframe.core.jobtype import JobType, check_name, declared, job


@attrs.frozen
class Page:
    number: int = 0


async def read(ctx, page: Page):
    """Read a page."""
    return (ctx, page)


def close(ctx):
    return ctx


@pytest.fixture(autouse=True)
def own_types(monkeypatch):
    monkeypatch.setattr(jobtype, "_declared", {})


def refusal(handler, **options) -> str:
    with pytest.raises((ValueError, PayloadError)) as refused:
        job("book.read", **options)(handler)
    assert {} == declared()
    return str(refused.value)


def test_the_decorator_makes_a_type_that_this_process_knows():
    made = job("book.read", version=2, timeout="2m", retry_on=["OSError"])(read)

    assert {"book.read": made} == declared()
    assert ("book.read", 2, True, Page) == (made.name, made.version, made.is_async, made.shape.cls)
    assert {"run_in": "loop", "timeout_ms": 120_000, "retry_on": ("OSError",)} == made.policy
    assert "<JobType book.read v2>" == repr(made)


def test_the_last_type_of_a_name_stands():
    job("book.read")(read)
    last = job("book.read")(close)

    assert {"book.read": last} == declared()


async def test_a_type_is_called_like_its_handler():
    made = job("book.read")(read)

    assert ("ctx", Page(3)) == await made("ctx", page=Page(3))
    assert ("read", "Read a page.") == (getattr(made, "__name__", ""), made.__doc__)


async def test_a_handler_runs_with_the_payload_only_when_it_has_fields():
    assert ("ctx", Page()) == await job("book.read")(read).run("ctx", Page())
    assert "ctx" == job("book.close")(close).run("ctx", None)


@pytest.mark.parametrize(
    ("handler", "run_in", "expected"),
    [(read, None, "loop"), (read, "process", "process"), (close, None, "thread"), (close, "process", "process")],
)
def test_a_handler_runs_where_it_fits(handler, run_in, expected):
    policy = {} if run_in is None else {"run_in": run_in}

    assert expected == JobType("book.read", 1, handler, policy).policy["run_in"]


@pytest.mark.parametrize(
    ("handler", "run_in", "text"),
    [
        (read, "thread", 'an async def handler runs in "loop" or "process", not in "thread"'),
        (close, "loop", 'a plain def handler runs in "thread" or "process", not in "loop"'),
    ],
)
def test_a_handler_is_refused_where_it_does_not_fit(handler, run_in, text):
    assert f"job type book.read: {text}" == refusal(handler, run_in=run_in)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timeuot": "2m"}, "unknown key 'timeuot': did you mean 'timeout'?"),
        ({"timeout": 120}, 'timeout: expected a duration such as "250ms", "30s", "5m", "2h" or "7d", got 120'),
        ({"backoff": {"jitter": "half"}}, "backoff: backoff jitter: expected one of none, full, equal, got 'half'"),
        ({"version": 0}, "version must be a whole number from 1, got 0"),
        ({"version": True}, "version must be a whole number from 1, got True"),
        ({"version": "2"}, "version must be a whole number from 1, got '2'"),
    ],
)
def test_an_impossible_default_is_refused_where_it_stands(options, text):
    assert f"job type book.read: {text}" == refusal(read, **options)


def without_parameters(): ...
def with_three(ctx, page: Page, more): ...
def with_a_keyword(ctx, *, page: Page): ...
def with_a_rest(ctx, *pages: Page): ...
def with_options(ctx, **pages: Page): ...
@pytest.mark.parametrize("handler", [without_parameters, with_three, with_a_keyword, with_a_rest, with_options])
def test_a_handler_with_other_parameters_is_refused(handler):
    assert "job type book.read: the handler takes (ctx) or (ctx, payload), not (" in refusal(handler)


def yielding(ctx):
    yield 1


async def yielding_later(ctx):
    yield 1


@pytest.mark.parametrize("handler", [yielding, yielding_later])
def test_a_handler_that_yields_is_refused(handler):
    assert "job type book.read: the handler yields; it must return its result" == refusal(handler)


def without_annotation(ctx, page): ...
def with_a_union(ctx, page: Page | None): ...
def with_a_plain_class(ctx, page: dict): ...
def with_a_missing_class(ctx, page: Nowhere): ...  # type: ignore[name-defined] # noqa: F821 - the mistake itself


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (without_annotation, "annotate the handler's parameter 'page' with an attrs class"),
        (with_a_union, "annotate the handler's parameter 'page' with an attrs class"),
        (with_a_plain_class, "dict is not an attrs class: decorate it with @attrs.frozen"),
        (
            with_a_missing_class,
            "the class Nowhere of the handler's parameter must stand at the top level of its module",
        ),
    ],
)
def test_a_payload_that_is_no_attrs_class_is_refused(handler, text):
    assert f"payload of 'book.read': {text}" == refusal(handler)


def test_a_handler_may_be_made_of_another():
    def with_library(library, ctx, page: Page): ...

    with_library.__annotations__["page"] = Page
    made = job("book.read")(functools.partial(with_library, "library"))

    assert Page is made.shape.cls


@pytest.mark.parametrize("name", ["a", "a1_b", "a.b", "a.1", "a.b-c.d_e", "a" * 64])
def test_lower_case_words_joined_by_dots_are_a_name(name):
    assert name == check_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "a.", ".a", "a..b", "a-b", "a:b", "a b", "a\n", "é", "a" * 65, 5, None]
)
def test_anything_else_is_no_name(name):
    with pytest.raises(ValueError, match="use lower-case words joined by dots, at most 64 characters"):
        check_name(name)


STAND_IN: Any = "ctx"


async def read_all(jobs: list[Job[Page]]):
    return [page.payload.number for page in jobs]


def close_all(jobs: list[Job[None]]):
    return [each.ctx for each in jobs]


async def test_a_batch_handler_has_the_payload_of_its_jobs_and_is_called_with_their_list():
    made = job("book.read", batch=32)(read_all)

    assert (32, Page, True, "loop") == (made.batch, made.shape.cls, made.is_async, made.policy["run_in"])
    assert [3] == await made([Job(Page(3), STAND_IN)])


def test_a_batch_handler_of_a_type_with_no_fields_has_jobs_of_none():
    made = job("book.close", batch=1)(close_all)

    assert (1, None, "thread") == (made.batch, made.shape.cls, made.policy["run_in"])
    assert ["ctx"] == made([Job(None, STAND_IN)])


def test_a_type_seals_only_fields_that_it_has():
    assert ("number",) == job("book.read", encrypt=["number"])(read).policy["encrypt"]
    with pytest.raises(
        ValueError, match=r"job type book\.read: encrypt: unknown field 'nunber': did you mean 'number'\?"
    ):
        job("book.read", encrypt=["nunber"])(read)
    with pytest.raises(ValueError, match="unknown field 'note': this type takes no fields"):
        job("book.close", encrypt=["note"])(close)


def test_jobs_of_a_type_are_equal_only_by_fields_that_it_has_and_does_not_seal():
    assert ("number",) == job("book.read", unique={"by": ["number"]})(read).policy["unique"].by
    with pytest.raises(
        ValueError, match=r"job type book\.read: unique by: unknown field 'nunber': did you mean 'number'\?"
    ):
        job("book.read", unique={"by": ["nunber"]})(read)
    with pytest.raises(ValueError, match="unique by: field 'number' is sealed"):
        job("book.read", unique={"by": ["number"]}, encrypt=["number"])(read)
    with pytest.raises(ValueError, match=r'unique mode: "replace" is not for sealed fields \(number\)'):
        job("book.read", unique={"mode": "replace"}, encrypt=["number"])(read)


def test_a_type_without_batch_has_none():
    assert job("book.read")(read).batch is None


@pytest.mark.parametrize("batch", [1, 256])
def test_a_batch_is_from_1_to_256(batch):
    assert batch == job("book.read", batch=batch)(read_all).batch


@pytest.mark.parametrize("batch", [0, 257, -1, True, 2.0, "32"])
def test_any_other_batch_is_refused(batch):
    text = f"job type book.read: batch must be a whole number from 1 to 256, got {batch!r}"

    assert text == refusal(read_all, batch=batch)


async def yielding_batch(jobs: list[Job[Page]]):
    yield 1


def batch_without_annotation(jobs): ...
def batch_of_payloads(jobs: list[Page]): ...
def batch_of_any_job(jobs: list[Job]): ...
def batch_of_no_list(jobs: Job[Page]): ...
def batch_of_dicts(jobs: list[Job[dict]]): ...
def batch_of_a_union(jobs: list[Job[Page | None]]): ...
def batch_of_a_missing_class(jobs: list[Job[Nowhere]]): ...  # type: ignore[name-defined] # noqa: F821 - the mistake itself
def batch_with_context(ctx, jobs: list[Job[Page]]): ...
def batch_with_a_keyword(*, jobs: list[Job[Page]]): ...


AS_LIST = "annotate the handler's parameter 'jobs' as list[jobframe.Job[Payload]], with its class"


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (batch_without_annotation, AS_LIST),
        (batch_of_payloads, AS_LIST),
        (batch_of_any_job, AS_LIST),
        (batch_of_no_list, AS_LIST),
        (batch_of_dicts, "dict is not an attrs class: decorate it with @attrs.frozen"),
        (batch_of_a_union, "annotate the handler's parameter 'jobs' with an attrs class"),
        (
            batch_of_a_missing_class,
            "the class Nowhere of the handler's parameter must stand at the top level of its module",
        ),
    ],
)
def test_a_batch_handler_whose_jobs_have_no_class_is_refused(handler, text):
    assert f"payload of 'book.read': {text}" == refusal(handler, batch=8)


@pytest.mark.parametrize("handler", [batch_with_context, batch_with_a_keyword, without_parameters])
def test_a_batch_handler_takes_one_list_and_nothing_else(handler):
    text = "job type book.read: with batch the handler takes (jobs: list[jobframe.Job[Payload]]), not ("

    assert text in refusal(handler, batch=8)


def test_a_batch_handler_that_yields_is_refused():
    assert "job type book.read: the handler yields; it must return its result" == refusal(yielding_batch, batch=8)


@pytest.mark.parametrize("handler", [read_all, close_all])
def test_a_handler_of_lists_declared_without_batch_is_refused(handler):
    text = 'job type book.read: a handler of lists of jobs needs its greatest number: @job("book.read", batch=32)'

    assert text == refusal(handler)
