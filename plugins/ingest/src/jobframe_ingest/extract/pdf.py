"""The text layer of PDFs, page by page, within bounds: a PDF is a program, and not always a kind one."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator

import pypdf
from pypdf import PasswordType
from pypdf.errors import DependencyError

from jobframe_ingest.extract.extracted import Extracted
from jobframe_ingest.refusal import Refused

__all__ = ["read"]

logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # its warnings quote the document

_MOST_PAGES = 5_000
_MOST_SECONDS = 60.0
_MOST_CHARACTERS = 20_000_000
_HYPHENATED = re.compile(r"(?<=\w)-\n(?=[a-z])")
_WRAPPED = re.compile(r"(?<=[\w,;)])\n(?=[a-z(])")


def read(data: bytes) -> Extracted:
    """
    Read a PDF.

    Raises:
        Refused: It is broken, needs a password, has no text layer, or is out of all bounds.

    """
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        _unlock(reader)
        pages = [_unwrapped(page) for page in _pages(reader)]
        title = reader.metadata.title if reader.metadata else None
    except Refused:
        raise
    except Exception:  # noqa: BLE001 - on broken files pypdf raises errors of every kind, and they quote the document
        raise Refused("the PDF is broken: no reader can make out its pages") from None
    if not any(page.strip() for page in pages):
        raise Refused("the PDF has no text layer: it may be a scan that needs OCR first")
    return Extracted.of(title if isinstance(title, str) else "", pages)


def _unlock(reader: pypdf.PdfReader) -> None:
    """Open a PDF that is encrypted against changes only, as any reader does: with the empty password."""
    if not reader.is_encrypted:
        return
    try:
        opened = reader.decrypt("") is not PasswordType.NOT_DECRYPTED
    except DependencyError:  # a cipher that is not installed
        opened = False
    if not opened:
        raise Refused("the PDF is encrypted: store it without a password")


def _pages(reader: pypdf.PdfReader) -> Iterator[str]:
    if len(reader.pages) > _MOST_PAGES:
        raise Refused(f"the PDF has more than {_MOST_PAGES} pages")
    started, characters = time.monotonic(), 0
    for page in reader.pages:
        text = page.extract_text()
        characters += len(text)
        if characters > _MOST_CHARACTERS or time.monotonic() - started > _MOST_SECONDS:
            raise Refused(f"the PDF takes over {_MOST_SECONDS:.0f} s to read or yields too much text")
        yield text


def _unwrapped(page: str) -> str:
    """Undo the line breaks of the layout where the next line clearly goes on with the sentence."""
    return _WRAPPED.sub(" ", _HYPHENATED.sub("", page))
