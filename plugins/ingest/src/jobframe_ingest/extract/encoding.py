"""From bytes to characters, without guesses that would fill the corpus with the wrong ones."""

from __future__ import annotations

import codecs
import re

import charset_normalizer

from jobframe_ingest.refusal import Refused

__all__ = ["decode"]

_MARKS = (  # of UTF-32 before UTF-16, whose mark it begins with
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")  # tab to return, ESC, NEL: text
_MOST_CONTROLS = 0.01  # of all characters
_LEAST_COHERENCE = 0.2  # of a guess: below it charset-normalizer itself takes one code page for another
_SAMPLE = 256 * 1024  # bytes are enough for a guess


def decode(data: bytes, declared: str | None = None) -> str:
    """
    Decode a text: by its byte order mark, as declared, as UTF-8, else by a guess that must be a sure one.

    Args:
        data: The text's bytes.
        declared: The encoding it says it has, if it says so.

    Raises:
        Refused: It is binary, or it is in no encoding that can be told.

    """
    text = _decode(data, declared)
    if "\0" in text or len(_CONTROLS.findall(text)) > _MOST_CONTROLS * len(text):
        raise Refused("the document is binary, not text")
    return text


def _decode(data: bytes, declared: str | None) -> str:
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    named = marked or _known(declared)
    try:
        return data.decode(named or "utf-8")
    except UnicodeDecodeError:
        if named:
            raise Refused(f"the document says it is {named}, and it is not: save it as UTF-8") from None
    if b"\0" in data:
        raise Refused("the document is binary, not text")
    guess = charset_normalizer.from_bytes(data[:_SAMPLE]).best()
    if guess is None or guess.coherence < _LEAST_COHERENCE:
        raise Refused("the document is not UTF-8, and its encoding cannot be told: save it as UTF-8")
    try:
        return data.decode(guess.encoding)
    except UnicodeDecodeError:
        raise Refused("the document mixes encodings: save it as UTF-8") from None


def _known(encoding: str | None) -> str | None:
    """Return a declared encoding by the name Python has for it; None for one that nobody has heard of."""
    try:
        return codecs.lookup(encoding).name if encoding else None
    except LookupError:
        return None
