"""What a corpus holds, read past its own methods, so that two states of it can be compared to the last byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from jobframe_ingest.corpus import Corpus, document_id

CHECK_WORDS = "INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)"
"""Raises unless the index of words fits the chunks."""
CHUNKS = "SELECT id, document_id, ord, start, end, text FROM chunks ORDER BY document_id, ord"
VECTORS = "SELECT id, embedding FROM vectors_{} JOIN chunks ON chunks.number = rowid"


@attrs.frozen
class Contents:
    """
    Everything that a search can find, and by what; equal when two corpora cannot be told apart.

    Attributes:
        documents: The rows of the documents, revisions too.
        chunks: The rows of the chunks.
        vectors: Model fingerprint → chunk id → the bytes of its vector.

    """

    documents: list[tuple[Any, ...]]
    chunks: list[tuple[Any, ...]]
    vectors: dict[str, dict[str, bytes]]

    @classmethod
    def read(cls, path: Path) -> Contents:
        """Read the corpus in the file at *path* and check its index of words."""
        with Corpus.open(f"sqlite:///{path}", create=False) as corpus:
            with corpus._database.write() as connection:
                connection.execute(CHECK_WORDS)
            documents: list[Any] = [attrs.astuple(document) for document in corpus.documents()]
            with corpus._database.read() as connection:
                chunks: list[Any] = connection.execute(CHUNKS).fetchall()
                models: list[Any] = connection.execute("SELECT fingerprint, number FROM models").fetchall()
                vectors: dict[str, list[Any]] = {
                    fingerprint: connection.execute(VECTORS.format(number)).fetchall() for fingerprint, number in models
                }
        return cls(documents, chunks, {fingerprint: dict(made) for fingerprint, made in vectors.items()})

    def uris(self) -> set[str]:
        """Name the documents."""
        return {uri for _, _, uri, *_ in self.documents}

    def vectors_of(self, uri: str, source: str = "docs") -> dict[str, list[bytes | None]]:
        """Return the vectors of one document by model, in the order of its chunks; None for a chunk without."""
        wanted = document_id(source, uri)
        chunks = [chunk for chunk, document, *_ in self.chunks if document == wanted]
        return {model: [made.get(chunk) for chunk in chunks] for model, made in self.vectors.items()}
