"""Fetches the bytes of a document from any source that fsspec can open."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import fsspec
from fsspec.implementations.http import HTTPFileSystem
from fsspec.implementations.local import LocalFileSystem

from jobframe_ingest import egress, local
from jobframe_ingest.refusal import Refused

__all__ = ["Unreachable", "fetch"]

_STREAM = {"block_size": 0, "size": 1}  # one GET, without the HEAD that hides every failure as "not found"
_HTTP = re.compile(r"(?:^|::)(https?)://")
_FOR_EVER = {401, 403, 404, 410, 451}
_PIECE = 1024 * 1024
_HOPELESS: dict[tuple[type[Exception], ...], str] = {
    (FileNotFoundError, NotADirectoryError, IsADirectoryError): "the document does not exist",
    (PermissionError,): "the document may not be read",
    (ImportError,): "the source is of a kind that needs another package: install fsspec's extra for it",
    (ValueError,): "the source's url is none that fsspec can open",
}


class Unreachable(OSError):
    """The source does not answer now; a later attempt may succeed. The text names no address."""


def fetch(root: str, uri: str, most_bytes: int, *, private_addresses: bool = False) -> bytes:
    """
    Return the bytes of the document at *uri* below *root*.

    Args:
        root: Any fsspec URL, or a local folder.
        uri: Relative to it, with ``/``.
        most_bytes: A larger document is refused, without reading on.
        private_addresses: Whether HTTP may go to addresses that are not public.

    Raises:
        Refused: It is missing, too large, not readable, or outside *root*.
        Unreachable: The source does not answer as it should.

    """
    parts = uri.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\0" in uri:
        raise Refused("the uri is no plain path inside the source")
    try:
        data = _read(root, parts, most_bytes + 1, private_addresses=private_addresses)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - every file system has errors of its own, and they quote addresses
        raise _judged(error) from None
    if len(data) > most_bytes:
        raise Refused(f"the document is over ingest.max_bytes ({most_bytes} bytes)")
    return data


def _read(root: str, parts: list[str], limit: int, *, private_addresses: bool) -> bytes:
    session = egress.open_session_anywhere if private_addresses else egress.open_session
    options = {scheme: {"get_client": session} for scheme in _HTTP.findall(root)}
    files, path = fsspec.url_to_fs(root, **options)
    if isinstance(files, LocalFileSystem):
        return local.read(path, parts, limit)
    how: dict[str, Any] = _STREAM if isinstance(files, HTTPFileSystem) else {}
    data = bytearray()
    with files.open("/".join((path.rstrip("/"), *parts)), "rb", **how) as stream:
        while len(data) < limit and (piece := stream.read(min(_PIECE, limit - len(data)))):
            data += piece
    return bytes(data)


def _judged(error: Exception) -> Exception:
    """Tell what cannot be helped from what may pass; only an error's class and a status are fit to be shown."""
    for kinds, reason in _HOPELESS.items():
        if isinstance(error, kinds):
            return Refused(reason)
    if egress.REFUSED in str(error):  # inside whatever the connection layers made of it
        return Refused("the source is at a private address: see settings.ingest.private_addresses")
    status = error.status if isinstance(error, aiohttp.ClientResponseError) else 0
    if status in _FOR_EVER:
        return Refused(f"the source answers HTTP status {status}")
    return Unreachable(f"the source does not answer: {type(error).__name__}{f' {status}' if status else ''}")
