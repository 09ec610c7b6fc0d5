"""How a message shows a value that does not fit: in one short line, and true and false as TOML spells them."""

from __future__ import annotations

__all__ = ["shown"]

_LONGEST = 60


def shown(value: object) -> str:
    """Write *value* for a message; of one that is too long for a line only the name of its class."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else type(value).__name__
