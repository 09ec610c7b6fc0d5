"""
Lists a source completely, or not at all: what is missing from a listing is deleted from the corpus.

That is why fsspec's own ``find`` is not used: it passes over folders that it cannot read.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs

from jobframe_sync.settings import SourceSettings
from jobframe_sync.versions import content_version, stated_version

__all__ = ["Listing", "ListingError", "list_source"]

ASKED_AT_ONCE = 8
"""Documents whose version is asked for at the same time, where the listing does not state it."""


class ListingError(Exception):
    """A source could not be listed to its end; nothing may be concluded from it. The text never shows the url."""


@attrs.frozen
class Listing:
    """
    Everything a source holds now.

    Attributes:
        versions: Uri relative to the root → version.
        skipped: Files that no include pattern names, that are of no supported kind, that are links, or whose names are
            not text.

    """

    versions: dict[str, str]
    skipped: int


def list_source(name: str, source: SourceSettings, is_readable: Callable[[str], bool]) -> Listing:
    """
    List all documents of a source; blocks.

    Args:
        name: The source's name, for error texts.
        source: Where it is and what to include.
        is_readable: Whether a uri is of a kind that can be ingested.

    Raises:
        ListingError: Any part of it could not be listed.

    """
    try:
        return _list(source, is_readable)
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own; their texts may show the url
        raise ListingError(f"source {name} could not be listed, nothing was changed: {_cause(error)}") from None


def _list(source: SourceSettings, is_readable: Callable[[str], bool]) -> Listing:
    from fsspec.core import url_to_fs  # noqa: PLC0415 - keeps the plugin's import small
    from fsspec.utils import glob_translate  # noqa: PLC0415 - same

    fs, root = url_to_fs(source.url)
    fs.invalidate_cache()
    patterns = [re.compile(glob_translate(pattern)) for pattern in source.include]
    wanted: dict[str, dict[str, Any]] = {}
    skipped = 0
    for uri, info in _files(fs, root.rstrip("/")):
        if info["type"] == "file" and _is_text(uri) and is_readable(uri) and any(each.match(uri) for each in patterns):
            wanted[uri] = info
        else:
            skipped += 1
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        versions = dict(zip(wanted, pool.map(lambda info: _version(fs, info), wanted.values()), strict=True))
    return Listing(versions, skipped)


def _files(fs: Any, root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Yield everything below *root* that is no folder, as (uri relative to root, entry).

    A local link is an entry of type ``other`` for fsspec, also one to a folder: it is never followed, so nothing
    outside of the root is reached.
    """
    is_document = _names_web_document if "http" in fs.protocol else _names_document
    folders, seen = [root], {root}
    while folders:
        folder = folders.pop()
        for info in fs.ls(folder, detail=True):
            if info["name"] == root and info["type"] == "file":
                raise NotADirectoryError(
                    errno.ENOTDIR, "its url is a file: give the folder and name the file in include"
                )
            path = info["name"].rstrip("/")
            uri = path.removeprefix(root).lstrip("/")
            if path in seen or not is_document(uri):
                continue
            if info["type"] == "directory":
                seen.add(path)
                folders.append(info["name"])
            else:
                yield uri, info


def _names_document(uri: str) -> bool:
    """Whether *uri* stays below the root, and is neither the root nor its parent."""
    return not {"", ".", ".."} & set(uri.split("/"))


def _names_web_document(uri: str) -> bool:
    """Leave out the links by which a web index sorts itself or points into a page."""
    return _names_document(uri) and "?" not in uri and "#" not in uri


def _is_text(uri: str) -> bool:
    """Whether *uri* can be written as JSON; a local name of other bytes cannot, and is one file, not the whole sync."""
    return uri.isascii() or not any("\ud800" <= character <= "\udfff" for character in uri)


def _version(fs: Any, info: dict[str, Any]) -> str:
    path = info["name"]
    return stated_version(info) or stated_version(fs.info(path)) or content_version(fs, path)


def _cause(error: Exception) -> str:
    detail = getattr(error, "strerror", None) or getattr(error, "status", None)
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__
