"""``docs/reliability.md`` tells of every fault that is tried, and of none that is not."""

from __future__ import annotations

import re

from tests.docs import pages

TABLE_ROW = re.compile(r"^\| `(test_\w+)` \|", re.MULTILINE)
OF_NO_FAULT = {"test_smoke"}
"""The short storm of ``make test``; its faults have rows of their own."""


def test_each_fault_has_its_row():
    told = TABLE_ROW.findall(pages.text(pages.ROOT / "docs" / "reliability.md"))
    tried = {path.stem for path in (pages.ROOT / "tests" / "faults").glob("test_*.py")}

    assert sorted(tried - OF_NO_FAULT) == sorted(told)
