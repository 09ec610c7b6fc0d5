"""What a source calls the present version of a document: its etag, else size and time, else a hash of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

__all__ = ["content_version", "stated_version"]

_ETAGS = ("ETag", "etag", "Content-MD5", "sha")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "modified", "updated", "modify", "created")
"""What fsspec's file systems call the time of the last change; local files have a ``created`` too, so it is last."""

BLOCK = 1024 * 1024


def stated_version(info: Mapping[str, Any]) -> str | None:
    """Read the version from a listing's entry; None when it states neither an etag nor a time."""
    for name in _ETAGS:
        if info.get(name):
            return _text(f"etag:{info[name]}")
    for name in _TIMES:
        if info.get(name):
            return _text(f"stat:{info.get('size')}:{info[name]}")
    return None


def _text(version: str) -> str:
    """Make JSON of it possible: a header may hold any bytes."""
    return version.encode("utf-8", "backslashreplace").decode()


def content_version(fs: Any, path: str) -> str:
    """Hash the bytes at *path*, read block by block."""
    digest = hashlib.blake2b(digest_size=16)
    with fs.open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return f"hash:{digest.hexdigest()}"
