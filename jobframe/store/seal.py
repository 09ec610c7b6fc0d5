"""
Sealed payload fields: AES-256-GCM per field, in tokens that open for one job and one field only.

A token is ``kid.base64url(nonce ‖ ciphertext ‖ tag)``; job type, unique part and field name are authenticated with it.
The key is the one that ``kid`` names, never found by trial. What is sealed and what is opened is the JSON of a value.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from jobframe.core.body import fields_of
from jobframe.core.keyring import Keyring, is_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["MissingKey", "Unsealable", "key_of", "open_fields", "seal_fields"]

_NONCE_BYTES = 12


class MissingKey(Exception):
    """
    A field is sealed with a key that is not at hand.

    Attributes:
        kid: Its id.

    """

    def __init__(self, kid: str) -> None:
        """Keep *kid*."""
        super().__init__(f"no key {kid!r}")
        self.kid = kid


class Unsealable(ValueError):
    """A token does not open: it was changed, or sealed for another job or field; the text names field and key."""


def seal_fields(
    keyring: Keyring, type: str, unique: str, body: bytes, fields: Collection[str]
) -> tuple[bytes, dict[str, str]]:
    """
    Take *fields* out of a payload and seal them for one job.

    Args:
        keyring: Has at least one key.
        type: Job type.
        unique: Unique part of the job's id.
        body: The payload's JSON.
        fields: Names of the fields to seal; those that *body* does not have are left out.

    Returns:
        The JSON of the other fields, and field → token.

    """
    kid, key = next(iter(keyring.keys.items()))
    values = fields_of(body)
    sealed = {
        name: _seal(kid, key, bytes(values.pop(name)), _place(type, unique, name)) for name in fields if name in values
    }
    return msgspec.json.encode(values), sealed


def open_fields(
    keyring: Keyring, type: str, unique: str, body: bytes | msgspec.Raw, sealed: Mapping[str, str]
) -> tuple[bytes, list[msgspec.Raw]]:
    """
    Open the fields of a job and put them back into its payload.

    Args:
        keyring: The keys at hand.
        type: Job type.
        unique: Unique part of the job's id.
        body: JSON of the fields that are not sealed.
        sealed: Field → token.

    Returns:
        The payload's JSON, and the JSON of each value that was sealed.

    Raises:
        MissingKey: One is sealed with a key that *keyring* does not have.
        Unsealable: One does not open.

    """
    opened = {
        name: msgspec.Raw(_open(keyring, token, name, _place(type, unique, name))) for name, token in sealed.items()
    }
    try:
        return msgspec.json.encode(fields_of(body) | opened), list(opened.values())
    except msgspec.MsgspecError:
        raise Unsealable("its other fields are damaged") from None


def key_of(sealed: Mapping[str, str]) -> str | None:
    """Return the id of the key that the fields were sealed with; None when it is no token."""
    kid = next(iter(sealed.values()), "").partition(".")[0]
    return kid if is_id(kid) else None


def _place(type: str, unique: str, field: str) -> bytes:
    return f"{type}:{unique}\t{field}".encode()  # neither id nor field can hold the tab


def _seal(kid: str, key: bytes, value: bytes, place: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext = _cipher(key).encrypt(nonce, value, place)
    return f"{kid}.{base64.urlsafe_b64encode(nonce + ciphertext).decode().rstrip('=')}"


def _open(keyring: Keyring, token: str, field: str, place: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - only who seals or opens needs the library

    kid, _, text = token.partition(".")
    if not is_id(kid):
        raise Unsealable(f"field {field!r} holds no sealed value")
    if kid not in keyring.keys:
        raise MissingKey(kid)
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return _cipher(keyring.keys[kid]).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
    except (ValueError, InvalidTag):
        problem = f"field {field!r} does not open with key {kid!r}: it was changed or sealed for another job"
        raise Unsealable(problem) from None


@cache
def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    return AESGCM(key)
