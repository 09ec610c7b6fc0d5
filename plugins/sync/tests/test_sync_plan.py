"""The pure comparison of a listing with the corpus."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobframe_sync.plan import compare

VERSIONS = st.dictionaries(st.text(max_size=2), st.sampled_from(["v1", "v2"]), max_size=8)


def test_each_document_is_added_changed_removed_or_left_alone():
    plan = compare({"new": "1", "other": "2", "same": "1"}, {"other": "1", "same": "1", "gone": "1"})

    assert ({"new": "1"}, {"other": "2"}, {"gone": "1"}, 1) == (plan.added, plan.changed, plan.removed, plan.unchanged)
    assert {"added": 1, "changed": 1, "removed": 1, "unchanged": 1} == plan.counts()


def test_the_share_removed_is_of_what_was_held():
    assert 0.25 == compare({"a": "1", "b": "2", "c": "1"}, dict.fromkeys("abcd", "1")).removed_share
    assert 0.0 == compare({"a": "1"}, {}).removed_share
    assert 1.0 == compare({"b": "1"}, {"a": "1"}).removed_share


@given(VERSIONS, VERSIONS)
def test_doing_the_plan_makes_the_corpus_what_was_listed(listed, held):
    plan = compare(listed, held)
    after = {uri: version for uri, version in held.items() if uri not in plan.removed} | plan.added | plan.changed

    assert listed == after


@given(VERSIONS)
def test_a_source_compared_with_itself_needs_nothing(listed):
    assert {"added": 0, "changed": 0, "removed": 0, "unchanged": len(listed)} == compare(listed, listed).counts()
