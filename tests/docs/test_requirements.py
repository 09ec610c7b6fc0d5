"""``docs/requirements.md`` says which test proves which criterion, and the tests say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs import pages

PAGE = pages.ROOT / "docs" / "requirements.md"
CRITERIA_OF_R_014 = 5


def marked() -> Iterator[tuple[str, str, str]]:
    """Find every test that is marked with a requirement: its id, the criterion, and the test."""
    for folder in ("tests", "plugins"):
        for path in sorted((pages.ROOT / folder).rglob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    for requirement, criterion in _marks(node):
                        yield requirement, criterion, f"{path.relative_to(pages.ROOT)}::{node.name}"


def _marks(function):
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
            yield tuple(ast.literal_eval(argument) for argument in decorator.args)


def listed() -> set[tuple[str, str, str]]:
    """Read the page's table: requirement, criterion, test."""
    found = re.findall(r"^\| (R-\d+) \| (.+?) \| \[`([^`]+)`\]\([^)]*\) \|$", pages.text(PAGE), re.MULTILINE)
    return set(found)


def test_the_page_lists_every_test_that_is_marked_with_a_requirement_and_no_other():
    assert set(marked()) == listed()


def test_each_of_the_five_acceptance_criteria_of_r_014_has_a_test():
    numbers = {criterion.partition(".")[0] for requirement, criterion, _ in listed() if requirement == "R-014"}
    assert {str(number) for number in range(1, CRITERIA_OF_R_014 + 1)} == numbers
