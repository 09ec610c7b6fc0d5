"""Plain text, split at underlined headings where it has them."""

from __future__ import annotations

import re

from jobframe_ingest.extract.encoding import decode
from jobframe_ingest.extract.extracted import Extracted

__all__ = ["read"]

_BEFORE_HEADING = re.compile(r"^(?=\S.{0,98}\n(?:={3,}|-{3,})[ \t]*+$)", re.MULTILINE)


def read(data: bytes) -> Extracted:
    """
    Read plain text.

    Raises:
        Refused: It is binary, or in no readable encoding.

    """
    text = decode(data).replace("\r\n", "\n")
    return Extracted.of("", _BEFORE_HEADING.split(text))
