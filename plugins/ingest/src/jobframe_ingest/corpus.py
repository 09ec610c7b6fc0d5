"""
The corpus: documents, their chunks, the chunks' vectors and words, in one SQLite file. The package's published API.

Every method blocks and may be called from any thread: call it directly in a plain ``def`` handler, through
``asyncio.to_thread`` in an ``async def`` one. Each write is one transaction and may be repeated: chunk ids are made
from their content, vectors are written only while the text they were made from is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from jobframe_ingest.records import Change, Chunk, Counts, Document, Hit, PendingChunk, document_id

__all__ = ["Change", "Chunk", "Corpus", "Counts", "Document", "Hit", "PendingChunk", "document_id"]

DEFAULT_URL = "sqlite:///.jobframe/corpus.db"


class Corpus:
    """A corpus, opened by URL."""

    @classmethod
    def open(cls, url: str = DEFAULT_URL, *, create: bool = True) -> Self:
        """
        Open the corpus at *url*.

        Args:
            url: ``sqlite:///relative/path`` or ``sqlite:////absolute/path``.
            create: Make file and folder when they are missing.

        Raises:
            ValueError: *url* is of another kind.
            FileNotFoundError: There is no such file and *create* is false.

        """
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection; the corpus cannot be used afterwards."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # documents and chunks

    def put_document(self, document: Document, chunks: Sequence[Chunk], *, seen: int | None = None) -> Change | None:
        """
        Write *document* and make *chunks* its only chunks; chunks that were there before keep their vectors.

        Args:
            document: What to write; its revision is ignored.
            chunks: Its text, in order.
            seen: Write only if the document's revision is still this one (0: there was none); None writes always.

        Returns:
            What changed; None when another writer was there since *seen* and nothing was written.

        """
        raise NotImplementedError

    def delete_document(self, id: str) -> Change:
        """Remove a document with its chunks, vectors and words; without any there is nothing to do."""
        raise NotImplementedError

    def document(self, id: str) -> Document | None:
        """Return one document; None when it is not there."""
        raise NotImplementedError

    def documents(self, source: str | None = None) -> list[Document]:
        """Return all documents, or those of one source, by source and uri."""
        raise NotImplementedError

    # vectors

    def lacks_vectors(self, document_id: str) -> bool:
        """Whether the document has a chunk without a vector of any model."""
        raise NotImplementedError

    def chunks_without_vectors(self, document_id: str, fingerprint: str) -> list[PendingChunk]:
        """Return the document's chunks, in order, that have no vector of the model *fingerprint*."""
        raise NotImplementedError

    def put_vectors(self, fingerprint: str, dim: int, vectors: Iterable[tuple[str, str, bytes]]) -> int:
        """
        Write vectors of one model; those whose chunk is gone or has another text are passed over.

        Args:
            fingerprint: The model, ``provider:model:revision:dim``.
            dim: Numbers in each vector; one model has one.
            vectors: (chunk id, text hash as in `PendingChunk`, float32 little-endian bytes).

        Returns:
            How many were written.

        Raises:
            ValueError: A vector is not *dim* long, or the model was stored with another *dim*.

        """
        raise NotImplementedError

    def stale_documents(self, fingerprint: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Return ids above *after*, in order, of up to *limit* documents with chunks that lack the model's vector."""
        raise NotImplementedError

    def forget_vectors(self, fingerprint: str) -> int:
        """Remove all vectors of a model that is no longer used; return how many there were."""
        raise NotImplementedError

    # search

    def nearest(self, fingerprint: str, vector: bytes, limit: int = 10) -> list[Hit]:
        """Return the chunks whose vector of this model is most like *vector* (float32 LE), best first."""
        raise NotImplementedError

    def words(self, query: str, limit: int = 10) -> list[Hit]:
        """Return the chunks that best match any of the words of *query*, best first; no query syntax, any text will do."""
        raise NotImplementedError

    # what sources remember, and upkeep

    def cursor(self, source: str) -> str:
        """Return what `set_cursor` last kept for *source*; empty when nothing."""
        raise NotImplementedError

    def set_cursor(self, source: str, cursor: str) -> None:
        """Keep *cursor* for *source*."""
        raise NotImplementedError

    def counts(self) -> Counts:
        """Count documents, chunks, and vectors by model."""
        raise NotImplementedError

    def vacuum(self) -> None:
        """Give the space of removed rows back to the disk; writers wait meanwhile."""
        raise NotImplementedError
