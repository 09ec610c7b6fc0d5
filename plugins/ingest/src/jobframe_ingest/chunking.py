"""From the sections of a text to chunks of a size that one vector can stand for."""

from __future__ import annotations

from semantic_text_splitter import TextSplitter

from jobframe_ingest.records import Chunk

__all__ = ["split"]

_CHARACTERS = (300, 800)  # a chunk is filled up to the first where the text allows, and is never over the second
_BETWEEN_SECTIONS = len("\n\n")


def split(sections: tuple[str, ...]) -> list[Chunk]:
    """Cut every section for itself, so that a change in one leaves the chunks of the others as they are."""
    splitter = TextSplitter(_CHARACTERS)
    chunks, offset = [], 0
    for section in sections:
        chunks += [
            Chunk(offset + start, offset + start + len(text), text) for start, text in splitter.chunk_indices(section)
        ]
        offset += len(section) + _BETWEEN_SECTIONS
    return chunks
