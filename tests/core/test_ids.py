"""Ids: in order of time, never twice, never mistaken."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core import clock, ids

PERMITTED = "abcXYZ019._:@=+-"
MANY = 20_000
LATER_MS = 1_893_456_000_000


def test_ids_of_one_process_differ_and_are_well_formed():
    made = [ids.new_unique() for _ in range(MANY)]

    assert MANY == len(set(made))
    assert made == [ids.check_unique(unique) for unique in made]
    assert {20} == set(map(len, made))


def test_later_ids_sort_later(monkeypatch):
    made = []
    for ms in (LATER_MS, LATER_MS + 1, LATER_MS + 62, LATER_MS + 62**4):
        monkeypatch.setattr(clock, "wall_ms", lambda ms=ms: ms)
        made.append(ids.new_unique())

    assert made == sorted(made)


FORKS = """
import os
from jobframe.core.ids import new_unique

new_unique()
child = os.fork()
if child:
    os.waitpid(child, 0)  # one after the other: each writes line and end of line apart
print(new_unique(), flush=True)
"""


def test_a_forked_child_does_not_go_on_with_its_parents_ids():
    printed = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, check=True, text=True).stdout

    childs, parents = printed.split()
    assert childs[8:14] != parents[8:14]  # the random part behind the time


def test_another_process_number_begins_another_sequence(monkeypatch):
    """What a fork leads to, in this process."""
    before = ids.new_unique()
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert before[8:14] != ids.new_unique()[8:14]


def test_every_key_is_another_of_32_bytes():
    keys = {ids.new_key() for _ in range(100)}

    assert (100, {32}) == (len(keys), set(map(len, keys)))


def test_workers_and_clients_have_names_of_their_own():
    assert 100 == len({ids.new_worker() for _ in range(100)})
    assert 100 == len({ids.new_client() for _ in range(100)})
    assert f"-{os.getpid()}-" in ids.new_worker()


@given(st.text(PERMITTED, min_size=1, max_size=128))
def test_an_id_splits_at_its_first_colon(unique):
    assert ("a.b", unique) == ids.split(ids.join("a.b", unique))


@pytest.mark.parametrize("unique", ["", "x" * 129, "a b", "a\n", "a/b", "é", "a\tb"])
def test_other_characters_and_lengths_are_refused(unique):
    with pytest.raises(ValueError, match=r"use 1 to 128 characters of A-Z a-z 0-9 \. _ : @ = \+ -"):
        ids.check_unique(unique)


@pytest.mark.parametrize("job_id", ["", "nocolon", ":x"])
def test_an_id_without_a_type_is_refused(job_id):
    with pytest.raises(ValueError, match="is not of the form <type>:<unique part>"):
        ids.split(job_id)


def test_an_id_without_a_unique_part_is_refused():
    with pytest.raises(ValueError, match="use 1 to 128 characters"):
        ids.split("a.b:")
