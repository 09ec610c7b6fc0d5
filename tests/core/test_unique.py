"""Which jobs are equal: how it is written."""

import pytest

from jobframe.core.policy import parse_unique
from jobframe.core.unique import Unique


@pytest.mark.parametrize(
    ("table", "unique", "text"),
    [
        ({}, Unique(), '{ window = "until-done", mode = "ignore" }'),
        ({"by": []}, Unique(()), '{ by = [], window = "until-done", mode = "ignore" }'),
        ({"by": ["a", "b"]}, Unique(("a", "b")), '{ by = ["a", "b"], window = "until-done", mode = "ignore" }'),
        ({"window": "until-done"}, Unique(), '{ window = "until-done", mode = "ignore" }'),
        ({"window": "90s"}, Unique(None, 90_000), '{ window = "90s", mode = "ignore" }'),
        (
            {"mode": "replace", "max_wait": "5m"},
            Unique(mode="replace", max_wait_ms=300_000),
            '{ window = "until-done", mode = "replace", max_wait = "5m" }',
        ),
    ],
)
def test_it_is_read_and_written_as_jobs_toml_has_it(table, unique, text):
    assert unique == parse_unique(table)
    assert text == str(unique)
    assert unique == parse_unique(unique.table)
