"""The table ``[resources]``: what several types share, and how much of it there is."""

from __future__ import annotations

from jobframe.config.lines import Lines
from jobframe.config.strict import kind
from jobframe.core.errors import Problem
from jobframe.core.form import takes
from jobframe.core.resource import MOST_OF_A_RESOURCE, RESOURCE_NAME

__all__ = ["read_resources"]


@takes(
    type="object",
    description="What several types share, and how many units of it there are.",
    propertyNames={"pattern": f"^{RESOURCE_NAME.pattern}$"},
    additionalProperties={"type": "integer", "minimum": 1, "maximum": MOST_OF_A_RESOURCE},
)
def read_resources(table: object, lines: Lines, problems: list[Problem]) -> dict[str, int]:
    """Read the table: name → units; what is wrong goes to *problems* and is left out."""
    if not isinstance(table, dict):
        problems.append(lines.problem(("resources",), f"expected a table of whole numbers, got {kind(table)}"))
        return {}
    found: dict[str, int] = {}
    for name, units in table.items():
        if not RESOURCE_NAME.fullmatch(name):
            message = "the name of a resource is a letter, then up to 63 letters, digits, '_' or '-', all small"
        elif type(units) is not int:
            message = f"expected a whole number, got {kind(units)}"
        elif not 1 <= units <= MOST_OF_A_RESOURCE:
            message = f"expected a whole number from 1 to {MOST_OF_A_RESOURCE}, got {units}"
        else:
            found[name] = units
            continue
        problems.append(lines.problem(("resources", name), message))
    return found
