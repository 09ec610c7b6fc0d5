"""The books of a soak find what is lost, uninvited or done again, read piece by piece."""

from __future__ import annotations

import json

import pytest

from tests.faults.soak.books import Books
from tests.faults.soak.watch import JUDGED_S, WARM_UP_S, Memory


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path / "ledger")


def wrote(books, *lines, end="\n"):
    with books._ledger.open("a") as ledger:
        for what, job, pid in lines:
            line = {"what": what, "job": job, "attempt": 1, "fence": 1, "pid": pid, "parent": 1, "ns": 5}
            ledger.write(json.dumps(line) + end)
    books.read()


def test_lost_is_what_was_acknowledged_and_did_not_do_its_work_or_has_nothing_that_follows(books):
    for number in (1, 2, 300):
        books.acknowledged.add(number)
    books.parents.add(2)
    books.acknowledged_ids |= {"work.loop:a", "work.loop:b"}
    wrote(books, ("did n1", "x", 2), ("did n2, of version 1", "x", 2), ("did u7", "work.loop:a", 2))

    assert [300, "2+", "work.loop:b"] == books.lost
    assert 3 == books.done
    wrote(books, ("did n2+", "x", 2), ("did n300", "x", 2), ("did u8", "work.loop:b", 2))
    assert [] == books.lost
    assert 6 == books.done


def test_what_was_refused_and_ran_is_uninvited_and_what_ran_twice_is_repeated(books):
    books.refused.add(4)
    books.refused.add(5)
    wrote(books, ("did n4", "x", 2), ("did n4", "x", 2), ("did often", "work.other:often@1", 2))
    wrote(books, ("did often", "work.other:often@1", 2), ("did n6+", "x", 2), ("did n6+", "x", 2))

    assert [4] == books.uninvited
    assert 3 == books.repeated
    assert 3 == books.done


def test_what_runs_is_known_by_its_process_and_ends_with_it(books):
    wrote(books, ("start", "a", 2), ("start", "b", 3), ("start", "c", 3), ("end", "c", 3))
    assert (1, 1, 2) == (books.running_in(2), books.running_in(3), books.running_in(1))
    wrote(books, ("kill", "", 3))
    assert (1, 0) == (books.running_in(2), books.running_in(3))


def test_half_a_line_is_read_when_it_is_whole(books):
    wrote(books, ("did n1", "x", 2), end="")
    assert 0 == books.done
    books._ledger.write_text(books._ledger.read_text() + "\n")
    wrote(books, ("did n2", "x", 2))
    assert 2 == books.done


@pytest.mark.parametrize(("lived_s", "judged"), [(WARM_UP_S + JUDGED_S, True), (JUDGED_S, False)])
def test_a_process_that_lived_long_enough_is_judged_by_what_it_took_after_its_warm_up(lived_s, judged):
    memory = Memory()
    memory._taken[7] = [
        (at, 500 + (500 if at >= WARM_UP_S else 0) + (100 if at > lived_s / 2 else 0))
        for at in range(0, lived_s + 1, 10)
    ]

    assert ({7: pytest.approx(0.1)} if judged else {}) == memory.growth()
