"""``docs/requirements.md`` says which test proves which criterion, and the marks of the tests say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs import pages

PAGE = pages.ROOT / "docs" / "requirements.md"
ROW = re.compile(r"^\| (R-\d+)\.(\d+) \| \[`([^`]+)`\]\([^)]*\) \| .+ \|$", re.MULTILINE)
CRITERIA_OF_R_014 = {"1", "2", "3", "4", "5"}


def marked() -> Iterator[tuple[str, str]]:
    """Find every test that is marked with a requirement: the requirement and the test."""
    for folder in ("tests", "plugins"):
        for path in sorted((pages.ROOT / folder).rglob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    place = f"{path.relative_to(pages.ROOT)}::{node.name}"
                    yield from ((requirement, place) for requirement in _requirements(node))


def _requirements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
            yield str(ast.literal_eval(decorator.args[0]))


def listed() -> list[tuple[str, str, str]]:
    """Read the table of the page: requirement, number of the criterion, test."""
    return ROW.findall(pages.text(PAGE))


@pytest.mark.requirement("R-014", "all criteria trace back to R-014")
def test_the_page_lists_every_test_that_is_marked_with_a_requirement_and_no_other():
    assert set(marked()) == {(requirement, test) for requirement, _, test in listed()}


def test_each_of_the_five_acceptance_criteria_of_r_014_has_a_test():
    assert {number for requirement, number, _ in listed() if requirement == "R-014"} == CRITERIA_OF_R_014
