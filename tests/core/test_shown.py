"""How messages show what does not fit."""

from __future__ import annotations

import pytest

from jobframe.core.shown import printable, shown


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (7, "7"), ("7", "'7'"), (None, "None")])
def test_a_value_is_shown_as_jobs_toml_would_spell_it(value, text):
    assert text == shown(value)


def test_a_long_value_is_only_named_by_its_kind():
    assert "str" == shown("x" * 100)


def test_foreign_text_cannot_steer_a_terminal():
    assert "\N{REPLACEMENT CHARACTER}[2Jred é \N{REPLACEMENT CHARACTER}" == printable("\x1b[2Jred é \n")
