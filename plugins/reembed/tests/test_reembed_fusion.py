"""Reciprocal rank fusion."""

from __future__ import annotations

import pytest

from jobframe_reembed.fusion import fuse


def test_a_score_is_the_sum_of_reciprocal_ranks():
    [(item, score)] = fuse([["a"], ["a"]])

    assert ("a", pytest.approx(2 / 61)) == (item, score)


def test_what_both_rankings_know_comes_before_what_one_puts_first():
    assert ["both", "first", "second"] == [item for item, _ in fuse([["first", "both"], ["second", "both"]])]


def test_one_ranking_keeps_its_order():
    assert ["c", "a", "b"] == [item for item, _ in fuse([["c", "a", "b"], []])]


def test_no_rankings_make_an_empty_one():
    assert [] == fuse([])
