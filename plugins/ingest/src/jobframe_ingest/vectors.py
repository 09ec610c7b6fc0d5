"""Vectors of chunks: one table per model, written only while the text they were made from is still there."""

# ruff: noqa: S608 - a table's name ends in a number of our own making; every value is bound

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw

__all__ = ["drop", "forget", "lacking", "model_number", "pending", "put"]

_BYTES_OF_FLOAT = 4
_WITHOUT_VECTOR = "NOT EXISTS (SELECT 1 FROM embedded WHERE model = ? AND chunk = chunks.number)"


def put(connection: apsw.Connection, fingerprint: str, dim: int, vectors: Iterable[tuple[str, str, bytes]]) -> int:
    """
    Write those of *vectors* (chunk id, text hash, float32 LE) whose chunk still has that text; return how many.

    Raises:
        ValueError: A vector is not *dim* long, or the model was stored with another *dim*.

    """
    model = _model_for_writing(connection, fingerprint, dim)
    written = 0
    for chunk_id, text_hash, data in vectors:
        if len(data) != dim * _BYTES_OF_FLOAT:
            raise ValueError(f"a vector of {fingerprint} has {len(data)} bytes, {dim} float32 numbers need {dim * 4}")
        chunk = connection.execute(
            "SELECT number FROM chunks WHERE id = ? AND text_hash = ?", (chunk_id, text_hash)
        ).get
        if chunk is not None:
            connection.execute(f"DELETE FROM vectors_{model} WHERE rowid = ?", (chunk,))  # vec0 has no upsert
            connection.execute(f"INSERT INTO vectors_{model} (rowid, embedding) VALUES (?, ?)", (chunk, data))
            connection.execute("INSERT OR IGNORE INTO embedded VALUES (?, ?)", (model, chunk))
            written += 1
    return written


def drop(connection: apsw.Connection, chunks: Iterable[int]) -> None:
    """Remove the vectors of *chunks* (their numbers) from every model's table."""
    numbers = [(chunk,) for chunk in chunks]
    for (model,) in connection.execute("SELECT number FROM models").fetchall():
        connection.executemany(f"DELETE FROM vectors_{model} WHERE rowid = ?", numbers)
        connection.executemany(f"DELETE FROM embedded WHERE model = {model} AND chunk = ?", numbers)


def forget(connection: apsw.Connection, fingerprint: str) -> int:
    """Remove one model's vectors and its table; return how many there were."""
    model = model_number(connection, fingerprint)
    if model is None:
        return 0
    connection.execute("DELETE FROM embedded WHERE model = ?", (model,))
    removed = connection.changes()
    connection.execute(f"DROP TABLE vectors_{model}")
    connection.execute("DELETE FROM models WHERE number = ?", (model,))
    return removed


def pending(connection: apsw.Connection, document_id: str, fingerprint: str) -> list[tuple[str, str, str]]:
    """Return (chunk id, text, text hash), in order, of the document's chunks without this model's vector."""
    rows: list[Any] = connection.execute(
        f"SELECT id, text, text_hash FROM chunks WHERE document_id = ? AND {_WITHOUT_VECTOR} ORDER BY ord",
        (document_id, model_number(connection, fingerprint)),
    ).fetchall()
    return rows


def lacking(connection: apsw.Connection, fingerprint: str, after: str, limit: int) -> list[str]:
    """Return ids above *after* of up to *limit* documents with a chunk that lacks this model's vector."""
    rows = connection.execute(
        f"SELECT DISTINCT document_id FROM chunks WHERE document_id > ? AND {_WITHOUT_VECTOR} "
        "ORDER BY document_id LIMIT ?",
        (after, model_number(connection, fingerprint), limit),
    )
    return [document_id for (document_id,) in rows]


def model_number(connection: apsw.Connection, fingerprint: str) -> int | None:
    """Return the number in the name of a model's table; None for a model without vectors."""
    number: int | None = connection.execute("SELECT number FROM models WHERE fingerprint = ?", (fingerprint,)).get
    return number


def _model_for_writing(connection: apsw.Connection, fingerprint: str, dim: int) -> int:
    row: tuple[int, int] | None = connection.execute(
        "SELECT number, dim FROM models WHERE fingerprint = ?", (fingerprint,)
    ).fetchone()
    if row is not None:
        model, stored = row
        if stored != dim:
            raise ValueError(f"{fingerprint} was stored with vectors of {stored} numbers, not {dim}: change its name")
        return model
    connection.execute("INSERT INTO models (fingerprint, dim) VALUES (?, ?)", (fingerprint, dim))
    model = connection.last_insert_rowid()
    connection.execute(
        f"CREATE VIRTUAL TABLE vectors_{model} USING vec0 (embedding float[{int(dim)}] distance_metric=cosine)"
    )
    return model
