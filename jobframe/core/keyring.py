"""
The keys that payload fields are sealed with, as an environment variable writes them: ``k2:<base64>,k1:<base64>``.

The first key seals, every key opens, and one that is left out is retired. No text made here shows any part of a key.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping

import attrs

__all__ = ["KEY_BYTES", "NO_KEYS", "Keyring", "is_id", "next_id", "parse_keyring", "written"]

KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NUMBERED = re.compile(r"k([0-9]{1,9})")


@attrs.frozen
class Keyring:
    """
    The keys of one process.

    Attributes:
        keys: Id → 32 bytes, the one that seals first.

    """

    keys: Mapping[str, bytes] = attrs.field(factory=dict, repr=lambda keys: str(list(keys)))

    @property
    def active(self) -> str | None:
        """Id of the key that seals; None without any."""
        return next(iter(self.keys), None)


NO_KEYS = Keyring()


def is_id(text: str) -> bool:
    """Whether *text* can name a key."""
    return _ID.fullmatch(text) is not None


def parse_keyring(text: str) -> Keyring:
    """
    Read keys as an environment variable holds them; an empty text is no keys.

    Raises:
        ValueError: It is written in another way; the text says which entry, and nothing of what stands there.

    """
    keys: dict[str, bytes] = {}
    entries = [entry.strip() for entry in text.split(",")]
    for number, entry in enumerate(filter(None, entries), 1):
        kid, _, key = entry.partition(":")
        decoded = _decoded(key)
        if not is_id(kid) or len(decoded) != KEY_BYTES:
            msg = f"key {number} is not written as ID:KEY, KEY being 32 bytes in base64; `jobframe keys new` makes one"
            raise ValueError(msg)
        if kid in keys:
            msg = f"key {number} has the id of an earlier one: each needs an id of its own"
            raise ValueError(msg)
        keys[kid] = decoded
    return Keyring(keys)


def written(kid: str, key: bytes) -> str:
    """Write one key as `parse_keyring` reads it."""
    return f"{kid}:{base64.b64encode(key).decode()}"


def next_id(ids: Collection[str]) -> str:
    """Return an id for a new key beside *ids*: ``k1``, ``k2`` and so on."""
    numbers = [int(match[1]) for match in map(_NUMBERED.fullmatch, ids) if match]
    return f"k{max(numbers, default=0) + 1}"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
