"""Lines of keys, and problems that name them."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from jobframe.config.lines import Lines, dotted, find_lines, in_file_order
from jobframe.core.errors import Problem

SAMPLE = '''# the head

[redis]   # with a comment
url = "redis://x"

namespace = """
a
b"""
[jobs."reembed.document"]
timeout = "1m"
backoff = { strategy = "none", base = "1s" }
[jobs.'other'.backoff]
base = "2s"
[runtime]
max_jobs = 3
defaults.timeout = "1s"
[plugins]
allow = [
  "a",
]
disable = []
[jobs.late]
priority = "low"
[[settings.x.list]]
a = 1
[[settings.x.list]]
a = 2
'''
EXPECTED = {
    ("redis",): 3,
    ("redis", "url"): 4,
    ("redis", "namespace"): 6,
    ("jobs",): 9,
    ("jobs", "reembed.document"): 9,
    ("jobs", "reembed.document", "timeout"): 10,
    ("jobs", "reembed.document", "backoff"): 11,
    ("jobs", "reembed.document", "backoff", "strategy"): 11,
    ("jobs", "reembed.document", "backoff", "base"): 11,
    ("jobs", "other"): 12,
    ("jobs", "other", "backoff"): 12,
    ("jobs", "other", "backoff", "base"): 13,
    ("runtime",): 14,
    ("runtime", "max_jobs"): 15,
    ("runtime", "defaults"): 16,
    ("runtime", "defaults", "timeout"): 16,
    ("plugins",): 17,
    ("plugins", "allow"): 18,
    ("plugins", "disable"): 21,
    ("jobs", "late"): 22,
    ("jobs", "late", "priority"): 23,
    ("settings",): 24,
    ("settings", "x"): 24,
    ("settings", "x", "list"): 24,
    ("settings", "x", "list", 0): 24,
    ("settings", "x", "list", 0, "a"): 25,
    ("settings", "x", "list", 1): 26,
    ("settings", "x", "list", 1, "a"): 27,
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_key_of_every_kind_of_table_has_its_line(line_end):
    text = SAMPLE.replace("\n", line_end)

    assert EXPECTED == find_lines(text)


KEY = st.one_of(
    st.text("abcz_09-", min_size=1, max_size=4),
    st.text("ab. é", min_size=1, max_size=4).map(lambda text: f'"{text}"'),
)
VALUE = st.sampled_from(
    ["1", '"text"', "[1, 2]", "[\n  1, # one\n  2,\n]", '"""\na\n\nb"""', "{ a = 1, b = { c = 2 } }", "{}", "[]"]
)
FILLER = st.sampled_from(["", "\n", "# comment\n", "\n  \n# [not.a.table]\n\n"])


@st.composite
def documents(draw):
    """A TOML text, and the line of each of its headers and top keys as they were written."""
    text, written = "", []
    for header in draw(st.lists(st.lists(KEY, min_size=0, max_size=3).map(tuple), max_size=5, unique=True)):
        text += draw(FILLER)
        if header:
            written.append((header, text.count("\n") + 1))
            text += (
                draw(st.sampled_from(["", "  "])) + f"[{'.'.join(header)}]" + draw(st.sampled_from(["", " # c"])) + "\n"
            )
        elif text.replace("\n", "").strip() and written:
            continue  # top-level keys only stand before the first header
        for key in draw(st.lists(KEY, max_size=4, unique=True)):
            text += draw(FILLER)
            name = (key, *draw(st.lists(KEY, max_size=1)))
            written.append(((*header, *name), text.count("\n") + 1))
            text += f"{'.'.join(name)} = {draw(VALUE)}\n"
    return text, written


def bare(path):
    return tuple(key.strip('"') for key in path)


@given(documents())
def test_a_key_written_on_a_line_is_found_on_that_line(document):
    text, written = document
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        return  # the same key twice

    lines = find_lines(text)

    first_mention = {}
    for path, line in written:
        for length in range(1, len(path) + 1):
            first_mention.setdefault(bare(path[:length]), line)
    assert first_mention == {path: lines[path] for path in first_mention}


def test_a_document_that_tomlkit_reorders_has_no_lines_rather_than_wrong_ones():
    assert {} == find_lines("[[a]]\nx = 1\n[b]\ny = 1\n[[a]]\nx = 2\n")


def test_a_broken_document_has_no_lines():
    assert {} == find_lines("a = \n")


def test_a_value_that_is_not_in_the_file_gets_the_line_of_the_table_around_it():
    lines = Lines("jobs.toml", find_lines(SAMPLE))

    assert 9 == lines.of(("jobs", "reembed.document", "concurrency"))
    assert 18 == lines.of(("plugins", "allow", 0))
    assert 0 == lines.of(("status", "port"))


def test_a_problem_names_file_line_and_path():
    lines = Lines("jobs.toml", find_lines(SAMPLE))

    problem = lines.problem(("jobs", "reembed.document", "timeout"), "too long")

    assert 'jobs.toml:10: jobs."reembed.document".timeout: too long' == str(problem)


def test_a_path_is_written_as_toml_would():
    assert 'jobs."a.b".retry_on[1]' == dotted(("jobs", "a.b", "retry_on", 1))


def test_problems_are_ordered_by_line_and_those_without_one_come_last():
    first, second, last = Problem("a", "m", "f", 1), Problem("b", "m", "f", 2), Problem("c", "m", "VARIABLE")

    assert (first, second, last) == in_file_order([last, second, first])
