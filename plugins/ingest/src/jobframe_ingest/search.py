"""The two ways to ask a corpus: by vector and by words."""

# ruff: noqa: S608 - a table's name ends in a number of our own making; every value is bound

from __future__ import annotations

import re

import apsw

from jobframe_ingest.records import Hit
from jobframe_ingest.vectors import model_number

__all__ = ["nearest", "words"]

_MOST_HITS = 4096  # of one vec0 query
_MOST_WORDS = 64
_WORD = re.compile(r"\w+")
_COLUMNS = "chunks.id, documents.id, documents.source, documents.uri, documents.title, chunks.text"
_DOCUMENTS = "JOIN documents ON documents.id = chunks.document_id"


def nearest(connection: apsw.Connection, fingerprint: str, vector: bytes, limit: int) -> list[Hit]:
    """Return up to *limit* chunks whose vector of this model is most like *vector*, by cosine similarity."""
    model = model_number(connection, fingerprint)
    if model is None:
        return []
    rows = connection.execute(
        f"SELECT {_COLUMNS}, 1.0 - coalesce(found.distance, 1) AS score "  # a vector of zeros has no distance
        f"FROM (SELECT rowid, distance FROM vectors_{model} WHERE embedding MATCH ? AND k = ?) AS found "
        f"JOIN chunks ON chunks.number = found.rowid {_DOCUMENTS} ORDER BY score DESC, chunks.id",
        (vector, _bounded(limit)),
    )
    return [Hit(*row) for row in rows]


def words(connection: apsw.Connection, query: str, limit: int) -> list[Hit]:
    """Return up to *limit* chunks that match any word of *query*, by BM25; rare words weigh more."""
    terms = _WORD.findall(query)[:_MOST_WORDS]
    if not terms:
        return []
    rows = connection.execute(
        f"SELECT {_COLUMNS}, -bm25(chunks_fts) AS score FROM chunks_fts "
        f"JOIN chunks ON chunks.number = chunks_fts.rowid {_DOCUMENTS} "
        "WHERE chunks_fts MATCH ? ORDER BY score DESC, chunks.id LIMIT ?",
        (" OR ".join(f'"{term}"' for term in terms), _bounded(limit)),
    )
    return [Hit(*row) for row in rows]


def _bounded(limit: int) -> int:
    return max(1, min(limit, _MOST_HITS))
