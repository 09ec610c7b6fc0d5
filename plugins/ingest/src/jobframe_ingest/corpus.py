"""
The corpus: documents, their chunks, the chunks' vectors and words, in one SQLite file. The package's published API.

Every method blocks and may be called from any thread: call it directly in a plain ``def`` handler, through
``asyncio.to_thread`` in an ``async def`` one. Each write is one transaction and may be repeated: chunk ids are made
from their content, vectors are written only while the text they were made from is still there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import apsw
import attrs

from jobframe_ingest import search, vectors
from jobframe_ingest.database import Database, path_of
from jobframe_ingest.records import Change, Chunk, Counts, Document, Hit, PendingChunk, document_id

__all__ = ["Change", "Chunk", "Corpus", "Counts", "Document", "Hit", "PendingChunk", "document_id"]

DEFAULT_URL = "sqlite:///.jobframe/corpus.db"


class Corpus:
    """A corpus, opened by URL."""

    def __init__(self, database: Database) -> None:
        """Use *database*; `Corpus.open` makes it from a URL."""
        self._database = database

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
        return cls(Database(path_of(url), create=create))

    def close(self) -> None:
        """Close every connection; the corpus cannot be used afterwards."""
        self._database.close()

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
        with self._database.write() as connection:
            row = connection.execute(f"{_SELECT_DOCUMENT} WHERE id = ?", (document.id,)).fetchone()
            stored = Document(*row) if row else None
            revision = stored.revision if stored else 0
            if seen is not None and seen != revision:
                return None
            if stored != attrs.evolve(document, revision=revision):
                _write_document(connection, document)
            return _replace_chunks(connection, document.id, chunks)

    def delete_document(self, id: str, *, version: str | None = None) -> Change:
        """
        Remove a document with its chunks, vectors and words; without any there is nothing to do.

        Args:
            id: The document.
            version: Remove it only while this is its version; None removes any.

        """
        with self._database.write() as connection:
            stored: str | None = connection.execute("SELECT version FROM documents WHERE id = ?", (id,)).get
            if stored is None or version not in (None, stored):
                return Change()
            removed = _chunk_numbers(connection, id)
            _drop_chunks(connection, removed.values())
            connection.execute("DELETE FROM documents WHERE id = ?", (id,))
        return Change(removed=tuple(removed))

    def document(self, id: str) -> Document | None:
        """Return one document; None when it is not there."""
        row = self._database.connection().execute(f"{_SELECT_DOCUMENT} WHERE id = ?", (id,)).fetchone()
        return row and Document(*row)

    def documents(self, source: str | None = None) -> list[Document]:
        """Return all documents, or those of one source, by source and uri."""
        rows = self._database.connection().execute(
            f"{_SELECT_DOCUMENT} WHERE ?1 IS NULL OR source = ?1 ORDER BY source, uri", (source,)
        )
        return [Document(*row) for row in rows]

    def chunk_counts(self) -> dict[str, int]:
        """Count the chunks of each document; all documents are there."""
        rows: list[Any] = (
            self._database.connection()
            .execute("SELECT id, (SELECT count(*) FROM chunks WHERE document_id = documents.id) FROM documents")
            .fetchall()
        )
        return dict(rows)

    # vectors

    def lacks_vectors(self, document_id: str) -> bool:
        """Whether the document has a chunk without a vector of any model."""
        found: int = (
            self._database.connection()
            .execute(
                "SELECT EXISTS (SELECT 1 FROM chunks WHERE document_id = ? AND NOT EXISTS (SELECT 1 FROM models "
                "JOIN embedded ON embedded.model = models.number AND embedded.chunk = chunks.number))",
                (document_id,),
            )
            .get
        )
        return bool(found)

    def chunks_without_vectors(self, document_id: str, fingerprint: str) -> list[PendingChunk]:
        """Return the document's chunks, in order, that have no vector of the model *fingerprint*."""
        with self._database.read() as connection:
            return [PendingChunk(*row) for row in vectors.pending(connection, document_id, fingerprint)]

    def put_vectors(self, fingerprint: str, dim: int, made: Iterable[tuple[str, str, bytes]]) -> int:
        """
        Write vectors of one model; those whose chunk is gone or has another text are passed over.

        Args:
            fingerprint: The model, ``provider:model:revision:dim``.
            dim: Numbers in each vector; one model has one.
            made: (chunk id, text hash as in `PendingChunk`, float32 little-endian bytes).

        Returns:
            How many were written.

        Raises:
            ValueError: A vector is not *dim* long, or the model was stored with another *dim*.

        """
        with self._database.write() as connection:
            return vectors.put(connection, fingerprint, dim, made)

    def stale_documents(self, fingerprint: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Return ids above *after*, in order, of up to *limit* documents with chunks that lack the model's vector."""
        with self._database.read() as connection:
            return vectors.lacking(connection, fingerprint, after, limit)

    def forget_vectors(self, fingerprint: str) -> int:
        """Remove all vectors of a model that is no longer used; return how many there were."""
        with self._database.write() as connection:
            return vectors.forget(connection, fingerprint)

    # search

    def nearest(self, fingerprint: str, vector: bytes, limit: int = 10) -> list[Hit]:
        """Return the chunks whose vector of this model is most like *vector* (float32 LE), best first."""
        with self._database.read() as connection:
            return search.nearest(connection, fingerprint, vector, limit)

    def words(self, query: str, limit: int = 10) -> list[Hit]:
        """Return the chunks that best match any word of *query*, best first; it has no syntax, any text will do."""
        return search.words(self._database.connection(), query, limit)

    # size and upkeep

    def counts(self) -> Counts:
        """Count documents, chunks, and vectors by model."""
        with self._database.read() as connection:
            documents = connection.execute("SELECT count(*) FROM documents").get
            chunks = connection.execute("SELECT count(*) FROM chunks").get
            by_model: list[Any] = connection.execute(
                "SELECT fingerprint, (SELECT count(*) FROM embedded WHERE model = models.number) FROM models "
                "ORDER BY number"
            ).fetchall()
        return Counts(documents, chunks, dict(by_model))

    def vacuum(self) -> None:
        """Give the space of removed rows back to the disk; writers wait meanwhile."""
        self._database.vacuum()


_SELECT_DOCUMENT = "SELECT id, source, uri, version, content_hash, title, revision FROM documents"


def _write_document(connection: apsw.Connection, document: Document) -> None:
    revision = connection.execute("UPDATE sequence SET revision = revision + 1 RETURNING revision").get
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET source = excluded.source, "
        "uri = excluded.uri, version = excluded.version, content_hash = excluded.content_hash, "
        "title = excluded.title, revision = excluded.revision",
        attrs.astuple(attrs.evolve(document, revision=revision)),
    )


def _replace_chunks(connection: apsw.Connection, document_id: str, chunks: Sequence[Chunk]) -> Change:
    """Keep what is the same text, so that its vectors stay; the order and offsets may have moved."""
    before = _chunk_numbers(connection, document_id)
    wanted = dict(zip(_chunk_ids(document_id, chunks), chunks, strict=True))
    removed = [name for name in before if name not in wanted]
    _drop_chunks(connection, [before[name] for name in removed])
    connection.executemany(
        "INSERT INTO chunks (id, document_id, ord, start, end, text, text_hash) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET ord = excluded.ord, start = excluded.start, end = excluded.end",
        [
            (name, document_id, order, chunk.start, chunk.end, chunk.text, _hash(chunk.text))
            for order, (name, chunk) in enumerate(wanted.items())
        ],
    )
    added = tuple(name for name in wanted if name not in before)
    return Change(added, tuple(name for name in wanted if name in before), tuple(removed))


def _chunk_numbers(connection: apsw.Connection, document_id: str) -> dict[str, int]:
    rows = connection.execute("SELECT id, number FROM chunks WHERE document_id = ? ORDER BY ord", (document_id,))
    numbers: list[Any] = rows.fetchall()
    return dict(numbers)


def _drop_chunks(connection: apsw.Connection, numbers: Iterable[int]) -> None:
    numbers = list(numbers)
    vectors.drop(connection, numbers)
    connection.executemany("DELETE FROM chunks WHERE number = ?", [(number,) for number in numbers])


def _chunk_ids(document_id: str, chunks: Sequence[Chunk]) -> list[str]:
    """Name each chunk by its document, its text, and how often that text came before in it."""
    before: Counter[str] = Counter()
    ids = []
    for chunk in chunks:
        ids.append(_hash(f"{document_id}\0{before[chunk.text]}\0{chunk.text}"))
        before[chunk.text] += 1
    return ids


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
