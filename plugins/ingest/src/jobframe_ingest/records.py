"""The nouns of the corpus: what goes in, and what its questions are answered with."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import attrs

__all__ = ["Change", "Chunk", "Counts", "Document", "Hit", "PendingChunk", "document_id"]


@attrs.frozen
class Document:
    """
    One document of a source.

    Attributes:
        id: `document_id` of its source and uri.
        source: Name of the source.
        uri: Its place in the source, relative to the source's root, with ``/``.
        version: What the source calls this version (etag, or size and time); empty when the source names none.
        content_hash: Hash of its bytes.
        title: What to call it in a list.
        revision: Rises with every write; filled in by the corpus.

    """

    id: str
    source: str
    uri: str
    version: str = ""
    content_hash: str = ""
    title: str = ""
    revision: int = 0


@attrs.frozen
class Chunk:
    """
    A piece of a document's text.

    Attributes:
        start: Offset of its first character in the document's extracted text.
        end: Offset after its last character.
        text: The piece itself; never empty.

    """

    start: int
    end: int
    text: str


class PendingChunk(NamedTuple):
    """A chunk that has no vector yet; give *text_hash* back with its vector."""

    chunk_id: str
    text: str
    text_hash: str


@attrs.frozen
class Change:
    """
    What a write changed, in chunk ids.

    Attributes:
        added: Chunks that are new; they have no vectors yet.
        kept: Chunks that were there before and keep their vectors.
        removed: Chunks that are gone, with their vectors.

    """

    added: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@attrs.frozen
class Hit:
    """
    A chunk that answers a question.

    Attributes:
        chunk_id: The chunk.
        document_id: Its document.
        source: The document's source.
        uri: The document's place in it.
        title: The document's title.
        text: The chunk's text.
        score: Higher is better; cosine similarity from `Corpus.nearest`, BM25 from `Corpus.words`: not comparable.

    """

    chunk_id: str
    document_id: str
    source: str
    uri: str
    title: str
    text: str
    score: float


@attrs.frozen
class Counts:
    """
    How much the corpus holds.

    Attributes:
        documents: Documents.
        chunks: Chunks of all documents.
        vectors: Model fingerprint → chunks that have its vector.

    """

    documents: int
    chunks: int
    vectors: dict[str, int]


def document_id(source: str, uri: str) -> str:
    """Name the document at *uri* of *source*: always the same 32 hex digits, unlike any other document's."""
    return hashlib.blake2b(f"{source}\0{uri}".encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
