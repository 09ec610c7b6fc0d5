"""The table ``[settings.ingest]`` of jobs.toml. Published, as the corpus is: it says where the corpus is."""

from __future__ import annotations

import re
from typing import Any

import attrs

from jobframe_ingest.corpus import DEFAULT_URL
from jobframe_ingest.database import path_of

__all__ = ["IngestSettings", "parse_size"]

_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_size(text: object) -> int:
    """
    Read a size such as ``"20MB"`` or ``"512KiB"`` as bytes.

    Raises:
        ValueError: It is no string of that form, or less than a byte.

    """
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    size = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if not size:
        raise ValueError('expected a size such as "20MB" or "512KiB", with no blank in it')
    return size


def _corpus_url(_: object, __: attrs.Attribute[str], url: str) -> None:
    path_of(url)


def _size(_: object, __: attrs.Attribute[str], text: Any) -> None:
    parse_size(text)


@attrs.frozen
class IngestSettings:
    """
    What an operator may set for this plugin.

    Attributes:
        corpus: Where the corpus is: ``sqlite:///relative/path`` or ``sqlite:////absolute/path``.
        max_bytes: A larger document is refused; ``"20MB"``, ``"512KiB"``.
        private_addresses: Whether HTTP sources may be fetched from loopback, private and link-local addresses.

    """

    corpus: str = attrs.field(default=DEFAULT_URL, validator=_corpus_url)
    max_bytes: str = attrs.field(default="20MB", validator=_size)
    private_addresses: bool = False

    @property
    def most_bytes(self) -> int:
        """`max_bytes` as a number."""
        return parse_size(self.max_bytes)
