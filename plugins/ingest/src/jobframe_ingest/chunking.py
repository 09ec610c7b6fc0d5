"""From the sections of a text to chunks of a size that one vector can stand for."""

from __future__ import annotations

from collections.abc import Iterator

from semantic_text_splitter import TextSplitter

from jobframe_ingest.records import Chunk

__all__ = ["split"]

_CHARACTERS = (300, 800)  # a chunk is filled up to the first where the text allows, and is never over the second
_PIECE = 16_000  # characters given to the splitter at once: its time grows with the square of the length
_CUTS = ("\n\n", "\n", " ")
_BETWEEN_SECTIONS = len("\n\n")


def split(sections: tuple[str, ...]) -> list[Chunk]:
    """Cut every section for itself, so that a change in one leaves the chunks of the others as they are."""
    splitter = TextSplitter(_CHARACTERS)
    chunks, offset = [], 0
    for section in sections:
        for start, end in _pieces(section):
            chunks += [
                Chunk(offset + start + place, offset + start + place + len(text), text)
                for place, text in splitter.chunk_indices(section[start:end])
            ]
        offset += len(section) + _BETWEEN_SECTIONS
    return chunks


def _pieces(section: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of parts of a bounded length, cut between paragraphs, else lines, else words."""
    start = 0
    while len(section) - start > _PIECE:
        places = (section.rfind(cut, start + 1, start + _PIECE) for cut in _CUTS)
        end = next((place for place in places if place > start), start + _PIECE)
        yield start, end
        start = end
    yield start, len(section)
