"""Reads files below a folder, whatever names and links it holds, and nothing outside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from jobframe_ingest.refusal import Refused

__all__ = ["read"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # nothing put there since may block


def read(root: str, parts: Sequence[str], limit: int) -> bytes:
    """
    Read up to *limit* bytes of a file.

    Each step is opened relative to the folder above it and no link is followed, so that nobody who can write below
    *root* gets a file from elsewhere into the corpus, even by swapping a folder in between.

    Args:
        root: The source's folder; this one may be a link, since the operator named it.
        parts: Names of the folders below it and of the file.
        limit: Bytes.

    Raises:
        Refused: A link, or no regular file.
        OSError: As from `open`.

    """
    folder = os.open(root, _FOLDER)
    try:
        for name in parts[:-1]:
            _look(name, folder)
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        if not stat.S_ISREG(_look(parts[-1], folder)):
            raise Refused("the document is no regular file")
        file = os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as stream:
        return stream.read(limit)


def _look(name: str, folder: int) -> int:
    """Return the mode of *name*, to call a link by its name; the flags of `os.open` catch one that comes later."""
    mode = os.lstat(name, dir_fd=folder).st_mode
    if stat.S_ISLNK(mode):
        raise Refused("the document is reached through a symbolic link, which a source may not hold")
    return mode
