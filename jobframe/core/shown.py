"""What people are shown: values that do not fit, in messages; text of others, in terminals."""

from __future__ import annotations

__all__ = ["printable", "shown"]

_LONGEST = 60


def shown(value: object) -> str:
    """Write *value* for a message, true and false as TOML spells them; of one too long for a line only its class."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else type(value).__name__


def printable(text: str) -> str:
    """Replace whatever in *text* could steer a terminal: a command prints no foreign text without this."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
