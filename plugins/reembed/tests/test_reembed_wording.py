"""The words of a question that are looked for."""

from __future__ import annotations

import pytest

from jobframe_reembed.wording import telling_words


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("What do I do when visibility is poor?", "visibility poor"),
        ("what\N{RIGHT SINGLE QUOTATION MARK}s a berth", "berth"),
        ("error XQ-4711", "error XQ 4711"),
        ("wo ist der Hafen", "wo ist der Hafen"),
        ("to be or not to be", "to be or not to be"),
        ("?!", "?!"),
    ],
)
def test_small_words_are_left_out_unless_there_are_no_others(query, told):
    assert told == telling_words(query)
